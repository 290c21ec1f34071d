import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

export { assert, randomUUID };

export const UNKNOWN = "00000000-0000-4000-8000-000000000000";

/** What a stream sends, to its end. */
export async function all(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

/** What a stream sends, up to the first part that is wanted. */
export async function until(stream, wanted) {
  const parts = [];
  for await (const part of stream) {
    parts.push(part);
    if (wanted(part)) break;
  }
  return parts;
}

export const events = (parts) => parts.map((part) => part.event);

/** The request is refused with this status and a sentence that says it. */
export async function refused(promise, status, sentence) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.status, status, String(error));
    assert.match(error.message, sentence);
    return true;
  });
}

/** Asks again until the answer is as wanted; the server has ended what it was asked to by then. */
export async function eventually(ask, wanted) {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A thread, after a run of this graph with this input. */
export async function after(client, graph, input) {
  const { thread_id } = await client.threads.create();
  await client.runs.wait(thread_id, graph, { input });
  return thread_id;
}

export const pick = (object, ...names) =>
  Object.fromEntries(names.map((name) => [name, object[name]]));
