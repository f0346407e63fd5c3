// A day in the life of fhir-kit-client, unmodified: prints what it got as one JSON object, for the test to look at.
import { Client } from "fhir-kit-client";

const client = new Client({ baseUrl: process.argv[2] });
const headers = { "content-type": "application/fhir+json", accept: "application/fhir+json" };
const options = { headers };
const said = {};

said.capability = (await client.capabilityStatement({ options })).fhirVersion;
const made = await client.create({
  resourceType: "Patient",
  body: { resourceType: "Patient", name: [{ family: "Kit" }], gender: "female" },
  options,
});
said.created = made.meta.versionId;
const id = made.id;
said.read = (await client.read({ resourceType: "Patient", id, options })).name[0].family;
const updated = await client.update({ resourceType: "Patient", id, body: { ...made, gender: "other" }, options });
said.updated = updated.meta.versionId;
const patched = await client.patch({
  resourceType: "Patient",
  id,
  jsonPatch: [{ op: "replace", path: "/gender", value: "male" }],
  options: { headers: { "content-type": "application/json-patch+json" } },
});
said.patched = patched.gender;
said.first = (await client.vread({ resourceType: "Patient", id, version: "1", options })).gender;
said.history = (await client.history({ resourceType: "Patient", id, options })).total;
const entry = (number) => ({
  resource: { resourceType: "Observation", status: "final", code: { text: `n${number}` }, subject: { reference: `Patient/${id}` } },
  request: { method: "POST", url: "Observation" },
});
const transaction = { resourceType: "Bundle", type: "transaction", entry: [1, 2, 3].map(entry) };
said.transaction = (await client.transaction({ body: transaction, options })).entry.map((part) => part.response.status);
let page = await client.search({ resourceType: "Observation", searchParams: { subject: `Patient/${id}`, _count: 2 }, options });
said.pages = [];
while (page) {
  said.pages.push(page.entry.length);
  page = await client.nextPage({ bundle: page, options });
}
const inside = { resourceType: "Patient", id };
said.compartment = (await client.search({ resourceType: "Observation", compartment: inside, options })).entry.length;
said.everything = (await client.operation({ name: "everything", resourceType: "Patient", id, method: "GET", options })).entry.length;
await client.delete({ resourceType: "Patient", id, options });
try {
  await client.read({ resourceType: "Patient", id, options });
} catch (error) {
  said.gone = error.response.status;
}
console.log(JSON.stringify(said));
