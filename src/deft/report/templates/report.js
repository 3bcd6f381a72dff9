"use strict";
// Filters of the list, and a clip's page in a dialog at #clip=DATASET/SUBJECT/NAME. Pages are inert text in the file.

const cards = [...document.querySelectorAll("#list > li")];
const fields = [...document.querySelectorAll("#filters select, #filters input")];
const dialog = document.querySelector("#dialog");
const page = document.querySelector("#page");
let playing = 0;

function filter() {
  const wanted = fields.filter((field) => field.value !== "");
  for (const card of cards)
    card.hidden = !wanted.every((field) =>
      field.type === "search"
        ? card.dataset.clip.toLowerCase().includes(field.value.trim().toLowerCase())
        : card.dataset[field.name].split("|").includes(field.value));
  const shown = cards.filter((card) => !card.hidden).length;
  document.querySelector("#count").textContent = `${shown} of ${cards.length} clips`;
}

function named() {
  return location.hash.startsWith("#clip=") ? decodeURIComponent(location.hash.slice(6)) : "";
}

function route() {
  const clip = named();
  if (!clip) return dialog.close();
  stop();
  const text = document.getElementById(`page:${clip}`);
  page.innerHTML = text ? text.textContent : '<h2 id="clip-title"></h2>';
  if (!text) page.firstChild.textContent = `This report has no clip ${clip}.`;
  if (page.querySelector("#slider")) wire();
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function wire() {
  const slider = page.querySelector("#slider");
  const play = page.querySelector("#play");
  const moments = JSON.parse(slider.dataset.moments);
  const show = () => {
    const [x, y, caption] = moments[slider.value];
    page.querySelector("#frame").setAttribute("x", x);
    page.querySelector("#frame").setAttribute("y", y);
    page.querySelector("#moment").textContent = caption;
    slider.setAttribute("aria-valuetext", caption);
  };
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  slider.addEventListener("input", () => { stop(); show(); });
  play.addEventListener("click", () => {
    if (playing) return stop();
    play.textContent = "Pause";
    playing = setInterval(() => { slider.value = (+slider.value + 1) % moments.length; show(); }, calm ? 700 : 90);
  });
  show();
}

function stop() {
  clearInterval(playing);
  playing = 0;
  const play = page.querySelector("#play");
  if (play) play.textContent = "Play";
}

function step(by) {
  const shown = cards.filter((card) => !card.hidden).map((card) => card.dataset.clip);
  const next = shown[shown.indexOf(named()) + by];
  if (next) location.replace(`#clip=${encodeURI(next)}`);
}

document.querySelector("#filters").addEventListener("input", filter);
document.querySelector("#filters").addEventListener("reset", () => setTimeout(filter));
document.querySelector("#before").addEventListener("click", () => step(-1));
document.querySelector("#after").addEventListener("click", () => step(1));
document.querySelector("#close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => { stop(); page.replaceChildren(); if (named()) history.replaceState(null, "", "#"); });
addEventListener("hashchange", route);
addEventListener("DOMContentLoaded", route);
filter();
