import { assert, randomUUID, refused } from "./helpers.mjs";

export default {
  "items": async ({ client }) => {
    const space = ["js", randomUUID()];
    assert.equal(await client.store.getItem(space, "a"), null);
    assert.equal(await client.store.putItem(space, "a", { n: 1 }), undefined);
    const item = await client.store.getItem(space, "a");
    assert.deepEqual([item.namespace, item.key, item.value], [space, "a", { n: 1 }]);
    assert.ok(item.createdAt <= item.updatedAt);
    assert.equal(await client.store.deleteItem(space, "a"), undefined);
    assert.equal(await client.store.getItem(space, "a"), null);
  },

  "time to live": async ({ client }) => {
    const space = ["js", randomUUID()];
    const minutes = 0.04;
    const started = Date.now();
    await client.store.putItem(space, "kept", {}, { ttl: null });
    await client.store.putItem(space, "gone", {}, { ttl: minutes });
    await client.store.putItem(space, "read", {}, { ttl: minutes, index: false });
    for (;;) {
      const refreshed = await client.store.getItem(space, "read", { refreshTtl: true });
      assert.ok(refreshed, "its life begins anew with each reading");
      const { items } = await client.store.searchItems(space, { refreshTtl: false });
      const keys = items.map((item) => item.key).sort();
      if (keys.length === 2) {
        assert.deepEqual(keys, ["kept", "read"]);
        assert.ok(Date.now() - started >= minutes * 60_000);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  },

  "searching": async ({ client }) => {
    const space = ["js", randomUUID()];
    for (const n of [1, 2, 3]) {
      await client.store.putItem([...space, n > 1 ? "high" : "low"], `k${n}`, { n });
    }
    const keys = async (prefix, options) =>
      (await client.store.searchItems(prefix, options)).items.map((item) => item.key);
    assert.deepEqual(await keys(space), ["k1", "k2", "k3"]);
    assert.deepEqual(await keys([...space, "high"]), ["k2", "k3"]);
    assert.deepEqual(await keys(space, { filter: { n: { $gte: 2 } } }), ["k2", "k3"]);
    assert.deepEqual(await keys(space, { filter: { n: 1 } }), ["k1"]);
    assert.deepEqual(await keys(space, { limit: 1, offset: 1 }), ["k2"]);
    const { items } = await client.store.searchItems(space, { query: "nothing is indexed" });
    assert.ok(items.every((item) => item.score == null));
    await refused(client.store.searchItems(space, { limit: -1 }), 422, /limit/);
  },

  "namespaces": async ({ client }) => {
    const top = randomUUID();
    for (const labels of [["a", "x"], ["a", "y"], ["b", "x"]]) {
      await client.store.putItem(["js", top, ...labels], "k", {});
    }
    const names = async (options) =>
      (await client.store.listNamespaces({ prefix: ["js", top], ...options })).namespaces.map(
        (labels) => labels.slice(2).join("."),
      );
    assert.deepEqual(await names({}), ["a.x", "a.y", "b.x"]);
    assert.deepEqual(await names({ suffix: ["x"] }), ["a.x", "b.x"]);
    assert.deepEqual(await names({ maxDepth: 3 }), ["a", "b"]);
    assert.deepEqual(await names({ limit: 1, offset: 1 }), ["a.y"]);
    assert.deepEqual(await names({ prefix: ["js", top, "*", "x"] }), ["a.x", "b.x"]);
  },
};
