import { after, assert, randomUUID, refused } from "./helpers.mjs";

async function made(client, fields = {}) {
  const story = randomUUID();
  const { metadata, ...others } = fields;
  const payload = { graphId: "context", metadata: { story, ...metadata }, ...others };
  return { story, assistant: await client.assistants.create(payload) };
}

export default {
  "every field of a create": async ({ client }) => {
    const assistantId = randomUUID();
    const fields = {
      graphId: "context",
      assistantId,
      context: { model: "m1", temperature: 0.25 },
      config: { tags: ["t"], recursion_limit: 9 },
      metadata: { team: "blue" },
      name: "Ann",
      description: "answers",
    };
    const assistant = await client.assistants.create(fields);
    assert.equal(assistant.assistant_id, assistantId);
    assert.equal(assistant.graph_id, "context");
    assert.deepEqual(assistant.context, fields.context);
    assert.deepEqual(assistant.config.tags, ["t"]);
    assert.equal(assistant.metadata.team, "blue");
    assert.deepEqual([assistant.name, assistant.description], ["Ann", "answers"]);
    assert.equal(assistant.version, 1);
    const { seen } = await client.runs.wait(null, assistantId, { input: {} });
    assert.deepEqual([seen.model, seen.temperature], ["m1", 0.25]);
    assert.deepEqual([seen.tags, seen.recursion_limit], [["t"], 9]);
    await refused(client.assistants.create(fields), 409, /already exists/);
    const again = { ...fields, name: "Bob", ifExists: "do_nothing" };
    assert.equal((await client.assistants.create(again)).name, "Ann");
    assert.deepEqual(await client.assistants.get(assistantId), assistant);
  },

  "versions": async ({ client }) => {
    const { assistant } = await made(client, {
      context: { model: "m1" },
      name: "one",
      description: "first",
    });
    const id = assistant.assistant_id;
    const updated = await client.assistants.update(id, {
      graphId: "echo",
      context: { model: "m2" },
      config: { tags: ["two"] },
      metadata: { round: 2 },
      name: "two",
      description: "second",
    });
    assert.equal(updated.version, 2);
    assert.deepEqual([updated.graph_id, updated.name], ["echo", "two"]);
    assert.deepEqual([updated.description, updated.metadata.round], ["second", 2]);
    assert.deepEqual([updated.context, updated.config.tags], [{ model: "m2" }, ["two"]]);
    const versions = await client.assistants.getVersions(id);
    assert.deepEqual(versions.map((each) => each.version), [2, 1]);
    const page = await client.assistants.getVersions(id, { limit: 1, offset: 1 });
    assert.deepEqual(page.map((each) => each.name), ["one"]);
    const second = await client.assistants.getVersions(id, { metadata: { round: 2 } });
    assert.deepEqual(second.map((each) => each.version), [2]);
    const back = await client.assistants.setLatest(id, 1);
    assert.deepEqual([back.version, back.graph_id, back.name], [1, "context", "one"]);
    assert.deepEqual(back.context, { model: "m1" });
    await refused(client.assistants.setLatest(id, 9), 404, /not found/i);
  },

  "searching and counting": async ({ client }) => {
    const { story, assistant } = await made(client, { name: `A ${randomUUID()}` });
    const others = [];
    for (const name of ["Bxy", "Cxz"]) {
      const fields = { graphId: "echo", name, metadata: { story, kind: "other" } };
      others.push(await client.assistants.create(fields));
    }
    const metadata = { story };
    const names = async (query) =>
      (await client.assistants.search({ metadata, sortBy: "name", sortOrder: "asc", ...query }))
        .map((each) => each.name);
    assert.deepEqual(await names({}), [assistant.name, "Bxy", "Cxz"]);
    assert.deepEqual(await names({ sortOrder: "desc" }), ["Cxz", "Bxy", assistant.name]);
    assert.deepEqual(await names({ graphId: "echo" }), ["Bxy", "Cxz"]);
    assert.deepEqual(await names({ metadata: { story, kind: "other" } }), ["Bxy", "Cxz"]);
    assert.deepEqual(await names({ limit: 1, offset: 1 }), ["Bxy"]);
    assert.deepEqual(await names({ name: assistant.name.slice(2).toUpperCase() }), [
      assistant.name,
    ]);
    const [selected] = await client.assistants.search({
      metadata,
      graphId: "echo",
      select: ["name", "version"],
    });
    assert.deepEqual(Object.keys(selected).sort(), ["name", "version"]);
    const page = await client.assistants.search({ metadata, limit: 2, includePagination: true });
    assert.deepEqual([page.assistants.length, page.next], [2, "2"]);
    const last = { metadata, limit: 2, offset: 2, includePagination: true };
    assert.equal((await client.assistants.search(last)).next, null);
    assert.equal(await client.assistants.count({ metadata }), 3);
    assert.equal(await client.assistants.count({ metadata, graphId: "echo" }), 2);
    assert.equal(await client.assistants.count({ metadata, name: "bX" }), 1);
  },

  "graph, schemas and subgraphs": async ({ client }) => {
    const nodes = async (options) =>
      (await client.assistants.getGraph("nested", options)).nodes.map((node) => node.id);
    assert.ok((await nodes()).includes("child"));
    assert.ok(!(await nodes({ xray: 1 })).includes("child:below:leaf"));
    assert.ok((await nodes({ xray: 1 })).includes("child:branch"));
    assert.ok((await nodes({ xray: true })).includes("child:below:leaf"));
    const { assistant } = await made(client);
    const schemas = await client.assistants.getSchemas(assistant.assistant_id);
    assert.equal(schemas.graph_id, "context");
    assert.ok(schemas.input_schema.properties.ask);
    assert.ok(schemas.context_schema.properties.temperature);
    const { assistant: nested } = await made(client, { graphId: "nested" });
    const spaces = async (options) =>
      Object.keys(await client.assistants.getSubgraphs(nested.assistant_id, options));
    assert.deepEqual(await spaces(), ["child"]);
    assert.deepEqual(await spaces({ recurse: true }), ["child", "child|below"]);
    assert.deepEqual(await spaces({ namespace: "child|below" }), ["child|below"]);
    assert.deepEqual(await spaces({ namespace: "child", recurse: true }), [
      "child",
      "child|below",
    ]);
  },

  "deleting, with and without the threads": async ({ client }) => {
    const { assistant: kept } = await made(client);
    const { assistant: whole } = await made(client);
    const keptThread = await after(client, kept.assistant_id, {});
    const wholeThread = await after(client, whole.assistant_id, {});
    await client.assistants.delete(kept.assistant_id);
    await client.assistants.delete(whole.assistant_id, { deleteThreads: true });
    await refused(client.assistants.get(kept.assistant_id), 404, /not found/i);
    assert.equal((await client.threads.get(keptThread)).thread_id, keptThread);
    await refused(client.threads.get(wholeThread), 404, /not found/i);
  },
};
