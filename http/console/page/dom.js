// Elements made of data. Text becomes text nodes and nothing else: what comes from mail is never markup.

const SVG = "http://www.w3.org/2000/svg";

function apply(node, attributes) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") {
      node.addEventListener(name.slice(2), value);
    } else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") {
      node[name] = value;
    } else if (name === "vars") {
      for (const [variable, text] of Object.entries(value)) node.style.setProperty(`--${variable}`, text);
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  apply(node, attributes);
  return append(node, children);
}

export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  apply(node, attributes);
  return append(node, children);
}

/// Puts other children into a node; the element that has the focus keeps it by its data-key.
export function fill(node, ...children) {
  const active = document.activeElement;
  const key = active && node.contains(active) ? active.dataset.key : undefined;
  node.replaceChildren();
  append(node, children);
  if (key) node.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  return node;
}

export function panel(title, attributes, ...children) {
  return el("section", { class: "panel", ...attributes }, el("h2", {}, title), ...children);
}

export function empty(text) {
  return el("p", { class: "empty" }, text);
}

export function button(text, onclick, attributes) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

/// A table whose columns are {head, cell(row), class?}; a column of numbers has the class "number".
export function table(columns, rows, attributes) {
  const { caption, row: rowAttributes, ...rest } = attributes || {};
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", rest,
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, columns.map((one) =>
        el("th", { scope: "col", class: one.class, title: one.title }, one.head)))),
      el("tbody", {}, rows.map((row) => el("tr", rowAttributes ? rowAttributes(row) : {},
        columns.map((one) => el("td", { class: one.class }, one.cell(row))))))));
}
