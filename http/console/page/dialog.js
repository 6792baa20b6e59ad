// Asking before something is done, and saying what came of it.

import { button, el } from "./dom.js";
import { key } from "./api.js";

export function toast(text, kind = "ok") {
  const node = el("div", { class: `toast ${kind}` }, text);
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), kind === "bad" ? 9000 : 5000);
}

export function complain(error) {
  if (error.name !== "AbortError") toast(error.message, "bad");
}

/// Shows a modal form; resolves with its values by name when it is accepted, with null when not.
function modal(title, children, actions) {
  return new Promise((resolve) => {
    let values = null;
    const form = el("form", { method: "dialog", onsubmit: (event) => {
      event.preventDefault();
      values = Object.fromEntries(new FormData(form));
      dialog.close();
    } }, el("h2", { id: "dialog-title" }, title), children,
    el("div", { class: "row" }, button("Cancel", () => dialog.close()), actions));
    const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, form);
    dialog.addEventListener("close", () => { dialog.remove(); resolve(values); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const submit = (text, kind) => el("button", { type: "submit", class: kind, "data-act": "accept" }, text);

/// True if the person says yes. `danger`: it cannot be undone.
export async function confirmed({ title, text, verb, danger }) {
  const values = await modal(title, el("p", { class: "break" }, text), submit(verb, danger ? "danger" : "main"));
  return values !== null;
}

/// Fields: {name, label, value?, placeholder?, options?: [value, text][], required?, type?}.
export function asked({ title, text, verb, fields }) {
  const inputs = fields.map((one) => {
    const attributes = { name: one.name, value: one.value ?? "", placeholder: one.placeholder,
      required: one.required, type: one.type || "text", autocomplete: "off", spellcheck: "false" };
    const input = one.options
      ? el("select", { name: one.name }, one.options.map(([value, label]) =>
        el("option", { value, selected: value === one.value }, label)))
      : el("input", attributes);
    return el("label", { class: "field" }, one.label, input);
  });
  return modal(title, [text ? el("p", { class: "note" }, text) : null, inputs], submit(verb, "main"));
}

let asking = false;

/// The key for the admin API, kept in this tab until it is closed. True if there is another one now.
export async function askKey(why) {
  if (asking) return false;
  asking = true;
  const values = await asked({
    title: "API key", verb: "Use it",
    text: why || "A key with the scope admin. It stays in this tab and is forgotten when the tab is closed.",
    fields: [{ name: "key", label: "Key", type: "password", value: key.get() }],
  });
  asking = false;
  if (values === null) return false;
  key.set(values.key.trim());
  return true;
}
