// Starts the behaviour of NHS.UK frontend. Every page works without it.
import { initAll } from "../vendor/nhsuk-frontend.min.js";

initAll();
