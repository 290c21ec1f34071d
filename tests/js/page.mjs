// A web page without a browser: a document for React, and a `fetch` that treats the server as a
// browser treats one of another origin.
import { createRequire } from "node:module";

const ORIGIN = "http://app.test:3000";
const SAFE = new Set([
  "cache-control", "content-language", "content-length", "content-type", "expires",
  "last-modified", "pragma",
]);

const list = (text) => (text ?? "").split(",").map((each) => each.trim().toLowerCase());

/** As a browser: asks first, lets nothing through that was not allowed, hides what was not exposed. */
async function fetchFromPage(url, init = {}) {
  const headers = new Headers(init.headers);
  const method = init.method ?? "GET";
  const own = [...headers.keys()];
  const asked = await fetch(url, {
    method: "OPTIONS",
    headers: {
      Origin: ORIGIN,
      "Access-Control-Request-Method": method,
      ...(own.length ? { "Access-Control-Request-Headers": own.join(",") } : {}),
    },
  });
  const granted = (name) => list(asked.headers.get(name));
  if (
    !asked.ok ||
    !["*", ORIGIN].includes(asked.headers.get("access-control-allow-origin")) ||
    !granted("access-control-allow-methods").includes(method.toLowerCase()) ||
    !own.every((name) => granted("access-control-allow-headers").includes(name))
  ) {
    throw new TypeError(`blocked by CORS: ${method} ${url} with ${own}`);
  }
  headers.set("Origin", ORIGIN);
  const answer = await fetch(url, { ...init, headers });
  if (!["*", ORIGIN].includes(answer.headers.get("access-control-allow-origin"))) {
    throw new TypeError(`blocked by CORS: the answer to ${method} ${url}`);
  }
  const exposed = list(answer.headers.get("access-control-expose-headers"));
  const seen = [...answer.headers].filter(([name]) => SAFE.has(name) || exposed.includes(name));
  const { status, statusText } = answer;
  return new Response(answer.body, { status, statusText, headers: seen });
}

/** Opens the page; React finds it where it looks for a browser's. */
export function open(environment) {
  const require = createRequire(`${environment}/`);
  const { Window } = require("happy-dom");
  const window = new Window({ url: ORIGIN });
  for (const [name, value] of Object.entries({
    window,
    document: window.document,
    navigator: window.navigator,
  })) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  const { createElement } = require("react");
  const { createRoot } = require("react-dom/client");

  /** Renders what `useStream` knows into an element of its own. */
  function mount(useStream, options) {
    const place = document.body.appendChild(document.createElement("div"));
    const shown = { stream: null, texts: [] };
    function App() {
      const stream = useStream(options);
      shown.stream = stream;
      const { values, isLoading, interrupt, error } = stream;
      const text = JSON.stringify({
        values,
        isLoading,
        asks: interrupt?.value ?? null,
        error: error ? String(error.message ?? error) : null,
      });
      if (shown.texts.at(-1) !== text) shown.texts.push(text);
      return createElement("pre", null, text);
    }
    const root = createRoot(place);
    root.render(createElement(App));
    const read = () => (place.textContent ? JSON.parse(place.textContent) : {});
    return {
      shown,
      read,
      /** The page as soon as it shows what is wanted. */
      async until(wanted) {
        for (;;) {
          if (wanted(read(), shown.stream)) return read();
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      },
      leave: () => root.unmount(),
    };
  }
  return { window, mount, fetch: fetchFromPage };
}
