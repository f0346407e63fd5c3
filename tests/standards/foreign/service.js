// What the package leaves to whoever uses it: keeping resources; here in memory.
const { randomUUID } = require("crypto");
const { resolveSchema } = require("@asymmetrik/node-fhir-server-core");

const kept = new Map();
const shaped = (tree) => new (resolveSchema("4_0_0", tree.resourceType))(tree);

module.exports = {
  async search(args, context) {
    return [...kept.values()].filter((each) => context.req.path.includes(each.resourceType)).map(shaped);
  },
  async searchById(args) {
    if (!kept.has(args.id)) throw Object.assign(new Error("not found"), { statusCode: 404 });
    return shaped(kept.get(args.id));
  },
  async create(args, { req }) {
    const id = randomUUID();
    kept.set(id, { ...req.body, id, meta: { versionId: "1" } });
    return { id, resource_version: "1" };
  },
  async update(args, { req }) {
    kept.set(args.id, { ...req.body, id: args.id });
    return { id: args.id, resource_version: "2", created: false };
  },
  async remove(args) {
    kept.delete(args.id);
    return { deleted: 1 };
  },
};
