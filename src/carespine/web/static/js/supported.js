// Loaded before the page is drawn: marks that scripts run, so that enhanced parts do not jump into place.
document.body.classList.add("js-enabled");
if ("noModule" in HTMLScriptElement.prototype) {
  document.body.classList.add("nhsuk-frontend-supported");
}
