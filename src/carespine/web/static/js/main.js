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
