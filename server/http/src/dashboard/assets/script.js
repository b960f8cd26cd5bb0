// Enhances the pages: shows local times, keeps pages up to date, generates passwords.
"use strict";

// Times

function showTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    time.title = time.dateTime;
    time.textContent = date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  }
}

// A link to hand on is shown with this host's address.
for (const link of document.querySelectorAll("[data-whole]")) link.firstElementChild.textContent = link.href;

// Parts: replaces a part of the page if the server renders it differently.

const parts = new Map();
for (const part of document.querySelectorAll("[data-part]")) parts.set(part.id, part.innerHTML);
showTimes(document);

async function refresh() {
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (response.redirected) return location.reload();
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const [id, before] of parts) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    // A part is gone: the page offers something else now.
    if (!fresh) return location.reload();
    if (!old || fresh.innerHTML === before) continue;
    parts.set(id, fresh.innerHTML);
    const focused = old.contains(document.activeElement);
    const place = focused ? [...old.querySelectorAll("a, button")].indexOf(document.activeElement) : -1;
    old.replaceChildren(...fresh.childNodes);
    showTimes(old);
    old.classList.remove("is-new");
    requestAnimationFrame(() => old.classList.add("is-new"));
    if (place >= 0) old.querySelectorAll("a, button")[place]?.focus();
  }
}

// Changes: the server's stream says that something has changed, not what. A hidden page is not connected, because a
// browser limits the connections to one server.

const live = document.body.dataset.live;
let news = null;
let stamp = null;
let refreshing = null;
let again = false;

async function renew() {
  if (refreshing) return void (again = true);
  do {
    again = false;
    refreshing = (preview ? askPreview() : refresh()).catch(() => {});
    await refreshing;
  } while (again);
  refreshing = null;
}

function listen() {
  if (document.hidden) {
    news?.close();
    news = null;
  } else if (!news) {
    news = new EventSource(live);
    // The first stamp says whether something was missed; it is always asked once.
    news.onmessage = (event) => {
      if (event.data !== stamp) renew();
      stamp = event.data;
    };
  }
}

// The menu closes like a menu.

const menu = document.getElementById("menu");
if (menu) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// The reset

const reset = document.getElementById("reset");
const preview = document.getElementById("preview");
let asked = 0;

async function askPreview() {
  const number = ++asked;
  const response = await fetch(reset.dataset.preview, {
    method: "POST",
    body: new URLSearchParams(new FormData(reset)),
  });
  if (!response.ok || number !== asked) return;
  preview.innerHTML = await response.text();
  showTimes(preview);
}

// A number below `limit`, each as likely as the others: what would favour some is drawn again.
function below(limit) {
  const most = Math.floor(0x100000000 / limit) * limit;
  const drawn = new Uint32Array(1);
  do crypto.getRandomValues(drawn);
  while (drawn[0] >= most);
  return drawn[0] % limit;
}

function generated(characters, length) {
  const digits = "0123456789";
  // Without those that look like others.
  const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
  const alphabet = characters === "digits" ? digits : letters + digits;
  const isGood = (text) =>
    characters === "digits" ? !isEven(text) : /[0-9]/.test(text) && /[a-z]/i.test(text);
  let text;
  do text = Array.from({ length }, () => alphabet[below(alphabet.length)]).join("");
  while (!isGood(text));
  return text;
}

// 1111, 1234, 8642: what is tried first.
function isEven(digits) {
  const step = digits[1] - digits[0];
  return digits.length > 2 && [...digits].every((digit, at) => at === 0 || digit - digits[at - 1] === step);
}

if (reset) {
  const password = document.getElementById("password");
  const show = document.getElementById("show");
  const generate = document.getElementById("generate");
  const setShown = (shown) => {
    password.type = shown ? "text" : "password";
    show.textContent = shown ? "Hide" : "Show";
    show.setAttribute("aria-pressed", shown);
  };
  show.hidden = generate.hidden = false;
  show.addEventListener("click", () => setShown(password.type === "password"));
  generate.addEventListener("click", () => {
    password.value = generated(generate.dataset.characters, Number(generate.dataset.length));
    const one = reset.querySelector("[name=passwords][value=one]");
    if (one) one.checked = true;
    reset.elements.require_entry.checked = true;
    document.getElementById("generated").hidden = false;
    setShown(true);
    askPreview();
  });
  reset.addEventListener("change", () => askPreview());
  password.addEventListener("input", () => {
    if (password.validity.valid) askPreview();
  });
  // No password stays on a screen that is come back to.
  addEventListener("pagehide", () => (password.value = ""));
}

if (live) {
  document.addEventListener("visibilitychange", listen);
  listen();
}
