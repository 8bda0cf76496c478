// Passkeys: the one thing that needs a script. Where the browser knows none, nothing of them is shown.
"use strict";

{
  const AGED = 240_000; // milliseconds; what is to be signed lives for five minutes

  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

  const decoded = (options) => {
    const ids = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    if (options.excludeCredentials) options.excludeCredentials = ids(options.excludeCredentials);
    if (options.allowCredentials) options.allowCredentials = ids(options.allowCredentials);
    return options;
  };

  const encoded = (credential) => {
    const given = credential.response;
    const response = { clientDataJSON: text(given.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (given[name]) response[name] = text(given[name]);
    }
    if (given.getTransports) response.transports = given.getTransports();
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
  };

  class Refused extends Error {}

  const ask = async (form) => {
    const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
    const answer = await fetch(form.dataset.options, { method: "POST", body });
    if (!answer.ok) throw new Refused(String(answer.status));
    return decoded(await answer.json());
  };

  const say = (form, what) => {
    const texts = [...form.querySelectorAll("[data-says]")];
    const told = !what || texts.some((one) => one.dataset.says === what) ? what : "failed";
    for (const one of texts) one.hidden = one.dataset.says !== told;
  };

  const send = (form, credential) => {
    const kept = form.dataset.keeps && document.getElementById(form.dataset.keeps);
    if (kept) form.elements.username.value = kept.value;
    form.elements.credential.value = encoded(credential);
    form.setAttribute("aria-busy", "true");
    form.submit();
  };

  // What the browser offers at the field for the name, for as long as the page is open.
  let offered = null;

  const offer = async (form) => {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    for (;;) {
      const mine = (offered = new AbortController());
      let aged = false;
      const timer = setTimeout(() => {
        aged = true;
        mine.abort();
      }, AGED);
      try {
        const publicKey = await ask(form);
        send(form, await navigator.credentials.get({ publicKey, mediation: "conditional", signal: mine.signal }));
        return;
      } catch {
        if (!aged) return;
      } finally {
        clearTimeout(timer);
      }
    }
  };

  const perform = async (form) => {
    say(form, null);
    offered?.abort();
    try {
      const publicKey = await ask(form);
      send(form, await navigator.credentials[form.dataset.passkey]({ publicKey }));
      return;
    } catch (error) {
      if (error instanceof Refused && form.dataset.again) {
        location.assign(form.dataset.again); // the sign-in is not fresh any more: the page leads there
        return;
      }
      say(form, { NotAllowedError: "cancelled", AbortError: "cancelled", InvalidStateError: "known" }[error.name] ?? "failed");
    }
    form.removeAttribute("aria-busy");
    if ("autofill" in form.dataset) offer(form);
  };

  if (window.PublicKeyCredential && window.isSecureContext && navigator.credentials) {
    for (const one of document.querySelectorAll("[data-passkey-unable]")) one.hidden = true;
    for (const form of document.querySelectorAll("form[data-passkey]")) {
      form.hidden = false;
      const start = form.querySelector("[data-passkey-start]");
      start.hidden = false;
      form.addEventListener("submit", (event) => {
        if (event.defaultPrevented) return; // it is under way
        if (event.submitter && event.submitter !== start) return; // another button of the form
        event.preventDefault();
        form.setAttribute("aria-busy", "true");
        perform(form);
      });
      if ("autofill" in form.dataset) {
        offer(form);
        window.addEventListener("pageshow", (event) => {
          if (event.persisted) offer(form);
        });
      }
    }
    for (const one of document.querySelectorAll("[data-passkeys-accepted]")) {
      const accepted = JSON.parse(one.dataset.passkeysAccepted);
      PublicKeyCredential.signalAllAcceptedCredentials?.(accepted)?.catch(() => {});
    }
  }
}
