"use strict";
// Live state, and controls that answer at once. Without this script the same forms lead back to the same page.

document.documentElement.classList.add("js");
const lamps = new Map();
const words = JSON.parse(document.body.dataset.words); // every text is the page's, in its language
const percentOf = (number) => words.percent.replace("{number}", number);
const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
const PATIENCE = 15000; // milliseconds for an answer to a command: the service itself takes five seconds at most

// ---- A lamp on the page. While a finger or a command is on its way, what it tells is kept for later.

class Lamp {
  constructor(place) {
    this.place = place;
    this.id = place.dataset.lamp;
    this.told = null;
    this.held = false;
    this.waiting = null;
    this.sending = false;
    this.parts = Object.fromEntries(["label", "percent", "error", "offline", "light", "switch", "brightness", "kelvin", "wheel", "knob"]
      .map((name) => [name, place.querySelector(`[data-${name}]`)]));
    const { wheel } = this.parts;
    if (wheel) { wheel.hidden = false; new Wheel(this); }
    for (const slider of this.sliders) this.follow(slider);
    this.fill();
  }

  get sliders() { return [this.parts.brightness, this.parts.kelvin].filter(Boolean); }

  follow(slider) {
    const send = () => this.command(slider.form, { [slider.name]: slider.value });
    slider.addEventListener("input", () => { this.held = true; this.fill(); send(); });
    slider.addEventListener("change", () => { this.held = false; send(); });
    for (const end of ["pointerup", "pointercancel", "blur"]) slider.addEventListener(end, () => { this.held = false; this.settle(); });
  }

  fill() {
    const { brightness, kelvin, light } = this.parts;
    if (brightness) {
      const lit = this.place.dataset.on === "yes";
      brightness.style.setProperty("--at", lit || this.held ? `calc(${brightness.value / 100} * (100% - 28px) + 14px)` : "0%");
      brightness.style.setProperty("--light", light.getAttribute("color"));
      brightness.setAttribute("aria-valuetext", percentOf(brightness.value));
    }
    if (kelvin) kelvin.setAttribute("aria-valuetext", `${kelvin.value} K`);
  }

  // One command at a time; of those that came meanwhile the last one goes next.
  async command(form, changed = {}) {
    const fields = new URLSearchParams(new FormData(form));
    for (const [name, value] of Object.entries(changed)) fields.set(name, value);
    this.waiting = { url: form.action, fields };
    if (this.sending) return;
    this.sending = true;
    this.place.dataset.sending = "";
    while (this.waiting) {
      const { url, fields: body } = this.waiting;
      this.waiting = null;
      await this.send(url, body);
    }
    this.sending = false;
    delete this.place.dataset.sending;
    this.settle();
  }

  turn(way) {
    const flip = this.parts.switch;
    flip.setAttribute("aria-checked", String(way === "on"));
    flip.value = way === "on" ? "off" : "on";
    this.command(flip.form, { do: way });
  }

  get shines() { return !this.parts.switch.disabled && this.parts.switch.value === "off"; }

  async send(url, body) {
    let answer = null;
    try {
      answer = await fetch(url, { method: "POST", body, headers: { accept: "application/json" }, credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE) });
      if (answer.status === 401 || answer.status === 403 || answer.status === 404) { location.reload(); return; }
      const { lamp, error } = await answer.json();
      if (lamp) this.told = lamp;
      this.complain(error || "");
    } catch {
      this.complain(words.trouble);
    }
  }

  complain(text) {
    const { error } = this.parts;
    if (error.textContent !== text) error.textContent = text;
    error.hidden = !text;
  }

  tell(state) {
    if (state.online && this.told && JSON.stringify(state) !== JSON.stringify(this.told)) this.complain(""); // it is heard again
    this.told = state;
    this.settle();
  }

  get busy() { return this.held || this.sending; }

  settle() {
    if (this.busy) return;
    if (this.told) this.show(this.told);
    else this.goBack();
  }

  // Nothing was told yet: as the page came.
  goBack() {
    const flip = this.parts.switch;
    const on = this.place.dataset.on === "yes";
    flip.setAttribute("aria-checked", String(on));
    flip.value = on ? "off" : "on";
    for (const slider of this.sliders) slider.value = slider.defaultValue;
    if (this.wheel) this.wheel.goBack();
    this.fill();
  }

  show(state) {
    const { label, percent, offline, light, brightness, kelvin, knob } = this.parts;
    this.place.dataset.on = state.on ? "yes" : "no";
    this.place.dataset.online = state.online ? "yes" : "no";
    if (label.textContent !== words[state.state]) label.textContent = words[state.state];
    if (percent) { percent.textContent = percentOf(state.brightness); percent.hidden = !state.on; }
    if (offline) offline.hidden = state.online;
    light.setAttribute("color", state.colour);
    for (const stop of light.querySelectorAll("[data-core]")) stop.setAttribute("stop-color", state.core);
    for (const part of light.querySelectorAll(".light")) part.setAttribute("opacity", state.light);
    for (const part of light.querySelectorAll(".lit")) part.setAttribute("opacity", state.lit);
    const flip = this.parts.switch;
    flip.setAttribute("aria-checked", String(state.on));
    flip.value = state.on ? "off" : "on";
    for (const control of this.place.querySelectorAll("[data-command] button, [data-command] input[type=range], [data-knob]")) control.disabled = !state.online;
    if (brightness) brightness.value = state.on ? state.brightness : brightness.min;
    if (kelvin && state.mode === "white") kelvin.value = state.kelvin;
    if (knob) this.wheel.put(state.hue, state.mode === "color" ? state.saturation : 0);
    this.fill();
    allOff(this.place.closest(".room"));
  }
}

// ---- The wheel: the angle is the hue, the distance from the middle the saturation.

class Wheel {
  constructor(lamp) {
    this.lamp = lamp;
    lamp.wheel = this;
    this.place = lamp.parts.wheel;
    this.knob = lamp.parts.knob;
    this.form = lamp.place.querySelector("[data-numbers]");
    const { hue, saturation } = this.form.elements;
    this.put(Number(hue.value), Number(saturation.value));
    this.place.addEventListener("pointerdown", (event) => this.take(event));
    this.knob.addEventListener("keydown", (event) => this.key(event));
  }

  put(hue, saturation) {
    this.hue = hue;
    this.saturation = saturation;
    const angle = hue * Math.PI / 180;
    const away = saturation / 100 * 42;
    this.knob.style.left = `${50 + away * Math.cos(angle)}%`;
    this.knob.style.top = `${50 - away * Math.sin(angle)}%`;
    this.knob.style.setProperty("--here", `color-mix(in srgb, hsl(${hue} 100% 50%) ${saturation}%, #fff)`);
    this.knob.setAttribute("aria-valuenow", String(hue));
    this.knob.setAttribute("aria-valuetext", this.knob.dataset.text.replace("{hue}", hue).replace("{saturation}", saturation));
  }

  goBack() {
    const { hue, saturation } = this.form.elements;
    this.put(Number(hue.defaultValue), Number(saturation.defaultValue));
  }

  send() {
    this.form.elements.hue.value = this.hue;
    this.form.elements.saturation.value = this.saturation;
    this.lamp.command(this.form);
  }

  at(event) {
    const box = this.place.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width - .5;
    const y = .5 - (event.clientY - box.top) / box.height;
    this.put(Math.round(Math.atan2(y, x) * 180 / Math.PI + 360) % 360, Math.round(clamp(Math.hypot(x, y) / .42, 0, 1) * 100));
    this.send();
  }

  take(event) {
    if (this.lamp.place.dataset.online === "no" || event.button !== 0) return;
    event.preventDefault();
    this.lamp.held = true;
    this.place.setPointerCapture(event.pointerId);
    this.knob.focus({ preventScroll: true, focusVisible: false });
    const move = (moved) => this.at(moved);
    const end = () => {
      this.place.removeEventListener("pointermove", move);
      this.lamp.held = false;
      this.lamp.settle();
    };
    this.place.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) this.place.addEventListener(name, end, { once: true });
    this.at(event);
  }

  key(event) {
    const step = event.shiftKey ? 15 : 5;
    const moves = { ArrowRight: [step, 0], ArrowLeft: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step], PageUp: [30, 0], PageDown: [-30, 0], Home: [0, -100], End: [0, 100] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    this.put((this.hue + move[0] + 360) % 360, clamp(this.saturation + move[1], 0, 100));
    this.send();
  }
}

// ---- Forms, and the room's button

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-room]")) {
    event.preventDefault();
    for (const place of form.closest(".room").querySelectorAll("[data-lamp]")) {
      const lamp = lamps.get(place.dataset.lamp);
      if (lamp.shines) lamp.turn("off");
    }
    return;
  }
  const place = form.closest("[data-lamp]");
  if (!form.matches("[data-command]") || !place) return;
  event.preventDefault();
  const lamp = lamps.get(place.dataset.lamp);
  const button = event.submitter;
  if (button && button.matches("[data-switch]")) {
    lamp.turn(button.value);
  } else {
    lamp.command(form);
  }
});

// What was opened closes by Escape, or by a touch elsewhere.
for (const menu of document.querySelectorAll("details")) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

function allOff(room) {
  const button = room && room.querySelector("[data-room] button");
  if (button) button.disabled = !room.querySelector('[data-on="yes"]');
}

for (const place of document.querySelectorAll("[data-lamp]")) lamps.set(place.dataset.lamp, new Lamp(place));

// ---- What happens to the lamps

let stream = null;
let pause = 1; // seconds until a stream that was refused is asked for again
let doubt = null; // a stream that ends is opened again at once: that alone is no loss
const DOUBT = 4000; // milliseconds
const lost = document.querySelector("[data-lost]");
const shown = document.querySelector("[data-live]"); // what this page shows, where that is not all

// There are other lamps to show: the page is loaded again, once nobody types or holds a control.
function renew() {
  const find = document.querySelector("#find");
  const typing = find && (find === document.activeElement || find.value !== find.defaultValue);
  if (typing || [...lamps.values()].some((lamp) => lamp.busy)) setTimeout(renew, 1000);
  else location.reload();
}

function listen() {
  if (document.hidden || !lamps.size) {
    if (stream) { stream.close(); stream = null; }
    clearTimeout(doubt);
    doubt = null;
    return;
  }
  if (stream) return;
  stream = new EventSource(shown ? shown.dataset.live : "/live");
  let first = true;
  stream.addEventListener("open", () => {
    first = true;
    pause = 1;
    clearTimeout(doubt);
    doubt = null;
    if (lost) lost.hidden = true;
  });
  stream.addEventListener("lamps", (event) => {
    const told = JSON.parse(event.data);
    let news = false;
    for (const [id, state] of Object.entries(told)) {
      const lamp = lamps.get(id);
      if (lamp && state) lamp.tell(state);
      else if (lamp || document.body.classList.contains("home")) news = true;
    }
    const home = document.body.classList.contains("home");
    if (first) news ||= [...lamps.values()].some((lamp) => (home || lamp.told) && !(lamp.id in told));
    first = false;
    if (news) renew();
  });
  stream.addEventListener("changed", renew);
  stream.addEventListener("error", () => {
    if (stream.readyState !== EventSource.CLOSED) {
      doubt ??= setTimeout(() => { if (lost) lost.hidden = false; }, DOUBT);
      return;
    }
    if (lost) lost.hidden = false;
    stream = null; // refused, as by a proxy while the service starts: the browser itself does not ask again
    setTimeout(listen, pause * (750 + Math.random() * 500));
    pause = Math.min(60, pause * 2);
    leaveWhenSignedOut();
  });
}

// A stream does not tell why it was refused.
async function leaveWhenSignedOut() {
  try {
    const answer = await fetch("/live", { headers: { accept: "application/json" }, credentials: "same-origin" });
    if (answer.status === 401) location.reload();
  } catch { /* the service is away, which is shown */ }
}

document.addEventListener("visibilitychange", listen);
window.addEventListener("pageshow", listen);
listen();
