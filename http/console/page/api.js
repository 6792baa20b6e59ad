// Calls of the admin API. A key, where one is needed, lives in this tab's session storage only.

const KEY = "barid-api-key";

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.message || `the server answered ${status}`);
    this.status = status;
    this.name = body?.name || "error";
  }
}

export const keyNeeded = new EventTarget();

export const key = {
  get: () => sessionStorage.getItem(KEY) || "",
  set: (text) => (text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY)),
};

function address(path, query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query || {})) {
    for (const one of [value].flat()) {
      if (one !== undefined && one !== null && one !== "") parameters.append(name, one);
    }
  }
  const text = parameters.toString();
  return path + (text ? `?${text}` : "");
}

async function request(method, path, { query, body, signal } = {}) {
  const headers = { accept: "application/json" };
  if (key.get()) headers.authorization = `Bearer ${key.get()}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(address(path, query), {
    method, headers, signal, cache: "no-store", credentials: "omit", redirect: "error",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.ok) return answer;
  let problem = null;
  try { problem = await answer.json(); } catch { /* no JSON: the status says it */ }
  if (["missing_api_key", "invalid_api_key", "restricted_api_key"].includes(problem?.name)) {
    keyNeeded.dispatchEvent(new CustomEvent("needed", { detail: problem }));
  }
  throw new ApiError(answer.status, problem);
}

export async function get(path, options) {
  return (await request("GET", path, options)).json();
}

export async function text(path, options) {
  return (await request("GET", path, options)).text();
}

export async function send(method, path, options) {
  const answer = await request(method, path, options);
  const body = await answer.text();
  return body ? JSON.parse(body) : null;
}

export async function blob(path, options) {
  return (await request("GET", path, options)).blob();
}

/// One object a line, each given to `onLine` as it comes; returns them all if there is no `onLine`.
export async function lines(method, path, options = {}) {
  const answer = await request(method, path, options);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const all = [];
  const take = (line) => {
    if (!line.trim()) return;
    const object = JSON.parse(line);
    if (options.onLine) options.onLine(object); else all.push(object);
  };
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    parts.forEach(take);
  }
  take(rest);
  return all;
}
