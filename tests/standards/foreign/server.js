// A FHIR server made of the npm package @asymmetrik/node-fhir-server-core, as its guide shows: node server.js PORT
const path = require("path");
const fhir = require("@asymmetrik/node-fhir-server-core");

const profile = { service: path.join(__dirname, "service.js"), versions: ["4_0_0"] };
fhir.initialize({ profiles: { patient: profile, observation: profile } }).listen(Number(process.argv[2]), "127.0.0.1");
