"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);

/** Return the bytes of base64, inflated where a format of compression is named. */
async function bytesOf(base64, format) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  return format ? inflate(bytes, format) : bytes;
}

async function inflate(bytes, format) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Make an element with attributes and children. */
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const THEMES = { auto: "as the system", light: "light", dark: "dark" };

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  document.getElementById("theme").textContent = `Theme: ${THEMES[name]}`;
}

document.getElementById("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  setTheme(names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length]);
});
setTheme("auto");

/** Show, of elements with data-key within a parent, the one of a key; tell whether there is one. */
function showKey(parent, key) {
  let found = false;
  for (const element of parent.querySelectorAll("[data-key]")) {
    element.hidden = element.dataset.key !== key;
    found ||= !element.hidden;
  }
  return found;
}

/** Return the key that three selects give together. */
function keyOf(name) {
  return ["metric", "line", "at"].map((part) => document.getElementById(`${name}-${part}`).value).join("|");
}

function onChoice(name, action) {
  for (const part of ["metric", "line", "at"]) {
    document.getElementById(`${name}-${part}`).addEventListener("change", action);
  }
}

if (document.querySelector("[data-tables=headline]")) {
  const section = document.getElementById("headline");
  onChoice("headline", () => {
    section.querySelector(".none").hidden = showKey(section, keyOf("headline"));
  });
}

document.getElementById("wheel-views")?.addEventListener("change", (event) => {
  for (const element of document.querySelectorAll("#schedules [data-views]")) {
    element.hidden = element.dataset.views !== event.target.value;
  }
});
