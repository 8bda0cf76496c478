"use strict";
// Makes the page quick: forms are sent without a reload, and the lamps follow their real state. Without this script
// the same forms lead back to the same page.

const region = (name, root = document) => root.querySelector(`[data-region="${name}"]`);

// ---- Lamps: attributes change, so that the light fades instead of jumping.

function show(lamp, state) {
  lamp.dataset.on = state.on ? "yes" : "no";
  lamp.dataset.online = state.online ? "yes" : "no";
  lamp.querySelector("[data-label]").textContent = state.label;
  const drawing = lamp.querySelector(".drawing");
  drawing.setAttribute("aria-label", `${lamp.querySelector("h2").textContent}: ${state.label}`);
  if (state.on) {
    drawing.setAttribute("color", state.colour);
    for (const stop of drawing.querySelectorAll("[data-core]")) stop.setAttribute("stop-color", state.core);
  }
  for (const light of drawing.querySelectorAll(".light")) light.setAttribute("opacity", state.light);
  for (const lit of drawing.querySelectorAll(".lit")) lit.setAttribute("opacity", state.lit);
  for (const button of lamp.querySelectorAll(".switch button")) {
    button.setAttribute("aria-pressed", String((button.value === "on") === state.on));
  }
  lamp.dataset.mode = state.coloured ? "color" : "white";
  for (const button of lamp.querySelectorAll("[data-colour]")) {
    const pressed = state.coloured && button.dataset.colour === state.colour;
    if (pressed && button.getAttribute("aria-pressed") === "false") reveal(button);
    button.setAttribute("aria-pressed", String(pressed));
  }
  for (const slider of lamp.querySelectorAll('input[type="range"]')) {
    if (slider.dataset.held) continue;
    slider.value = slider.name === "kelvin" ? state.kelvin : state.brightness;
    if (slider.name === "kelvin") slider.setAttribute("aria-valuetext", `${state.kelvin} K`);
  }
}

function reveal(button) {
  // In the middle of its strip, where that is too narrow for all; the page itself stays where it is.
  const strip = button.parentElement;
  strip.scrollLeft = button.offsetLeft - (strip.clientWidth - button.offsetWidth) / 2;
}

for (const button of document.querySelectorAll('[data-colour][aria-pressed="true"]')) reveal(button);

let stream = null;

function listen() {
  const wanted = document.body.dataset.step === "3" && !document.hidden;
  if (!wanted && stream) { stream.close(); stream = null; }
  if (!wanted || stream) return;
  stream = new EventSource("lamps/stream");
  stream.addEventListener("lamps", (event) => {
    const { lamps, new: added } = JSON.parse(event.data);
    for (const [id, state] of Object.entries(lamps)) {
      const lamp = document.querySelector(`[data-lamp="${CSS.escape(id)}"]`);
      if (lamp) show(lamp, state);
    }
    document.querySelector("[data-new]").hidden = added === 0;
  });
  stream.addEventListener("error", () => { if (stream && stream.readyState === EventSource.CLOSED) stream = null; });
}

document.addEventListener("visibilitychange", listen);

// ---- Forms: sent in the background, and the answer's parts put in place.

function keep(place, fresh) {
  // Entries that are shown already stay as they are, with what a person opened or scrolled in them. Only the newest
  // one, which opens by itself, closes when it is no longer the newest.
  const known = new Map([...place.querySelectorAll(":scope > [data-key]")].map((entry) => [entry.dataset.key, entry]));
  const newest = place.querySelector(":scope > details");
  place.replaceChildren(...[...fresh.childNodes].map((node) => {
    const old = node.dataset && known.get(node.dataset.key);
    if (!old) return node;
    if (old === newest && !node.open) old.removeAttribute("open");
    return old;
  }));
}

function take(fresh) {
  document.title = fresh.title;
  document.body.dataset.step = fresh.body.dataset.step;
  for (const name of ["bar", "notice", "chips"]) region(name).replaceChildren(...region(name, fresh).childNodes);
  if (!region("directives").querySelector("details") && region("directives", fresh).querySelector("details")) {
    document.getElementById("lane-directives").checked = true;
  }
  for (const name of ["talk", "directives", "linking"]) keep(region(name), region(name, fresh));
  const room = region("room");
  const newRoom = region("room", fresh);
  if (room.dataset.devices !== newRoom.dataset.devices) {
    room.replaceChildren(...newRoom.childNodes);
    room.dataset.devices = newRoom.dataset.devices;
    if (stream) { stream.close(); stream = null; }
  }
  document.getElementById("said").placeholder = fresh.getElementById("said").placeholder;
  listen();
}

function complain(text) {
  const section = document.createElement("section");
  section.className = "notice";
  const title = document.createElement("h2");
  title.textContent = text;
  section.append(title);
  region("notice").replaceChildren(section);
}

let sent = 0;

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-live]")) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  const order = ++sent;
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields, credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.status === 403) { location.reload(); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    if (order === sent) take(page);
    if (form.matches(".say")) form.elements.said.value = "";
  } catch {
    complain("The simulator doesn’t answer. Is make run still running?");
  } finally {
    form.removeAttribute("aria-busy");
  }
});

document.addEventListener("input", (event) => {
  const slider = event.target;
  if (slider.type !== "range") return;
  slider.dataset.held = "yes";
  const unit = slider.name === "kelvin" ? "K" : "%";
  slider.closest(".lamp").querySelector("[data-label]").textContent = `${slider.value} ${unit}`;
});

document.addEventListener("change", async (event) => {
  const slider = event.target;
  if (slider.type !== "range") return;
  const button = document.createElement("button");
  button.name = "do";
  button.value = slider.name;
  button.hidden = true;
  slider.after(button);
  slider.form.requestSubmit(button);
  button.remove();
  setTimeout(() => delete slider.dataset.held, 600);
});

listen();
