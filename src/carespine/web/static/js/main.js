// Starts the behaviour of NHS.UK frontend. Every page works without it.
import { initAll } from "../vendor/nhsuk-frontend.min.js";

initAll();

// On paper nothing can be opened: tables and diaries are printed open, and closed again afterwards.
const folded = () => document.querySelectorAll("details.app-details:not([open])");
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...folded()];
  opened.forEach((each) => each.setAttribute("open", ""));
});
addEventListener("afterprint", () => opened.forEach((each) => each.removeAttribute("open")));

// A run that goes on is shown as it goes. Without this, the page's own link shows what has been done since.
const follow = async (live) => {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#live");
  if (!fresh) return;
  live.replaceWith(fresh);
  if (fresh.matches("[data-live]")) setTimeout(follow, 2000, fresh);
};
const live = document.querySelector("[data-live]");
if (live) setTimeout(follow, 2000, live);
