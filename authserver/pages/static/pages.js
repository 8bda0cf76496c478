// Comfort only: every page is complete without it.
"use strict";

for (const button of document.querySelectorAll("[data-reveals]")) {
  const field = document.getElementById(button.dataset.reveals);
  button.hidden = false;
  const turn = () => {
    field.type = field.type === "password" ? "text" : "password";
    [button.textContent, button.dataset.other] = [button.dataset.other, button.textContent];
    const label = button.getAttribute("aria-label");
    button.setAttribute("aria-label", button.dataset.otherLabel);
    button.dataset.otherLabel = label;
  };
  button.addEventListener("click", () => {
    turn();
    field.focus();
  });
  // Browsers keep what a field of type text held; what was typed goes off as a password again.
  field.form.addEventListener("submit", () => {
    if (field.type === "text") turn();
  });
}

// Codes that are shown once can be copied and printed.
for (const button of document.querySelectorAll("[data-copies]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const lines = [...document.getElementById(button.dataset.copies).children].map((line) => line.textContent);
    await navigator.clipboard.writeText(lines.join("\n"));
    button.textContent = button.dataset.done;
  });
}
for (const button of document.querySelectorAll("[data-prints]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// A second tap while the first is under way sends nothing, except where the answer is a file and the page stays.
for (const form of document.querySelectorAll("form:not([data-stays])")) {
  form.addEventListener("submit", (event) => {
    if (form.getAttribute("aria-busy") === "true") event.preventDefault();
    form.setAttribute("aria-busy", "true");
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.forms) form.removeAttribute("aria-busy");
});
