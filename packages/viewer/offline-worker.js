/* global self, caches, fetch, FILES, VERSION */
/**
 * Keeps the page and its models in the browser. The build puts the names of the page's files in place of FILES and their
 * hash in place of VERSION. Scans are never kept: they are no files of the page.
 */
const CACHE = `slicestack-${VERSION}`;
const CHANGING = new Set(["", "index.html", "slicestack.json"]);
const scope = new URL("./", self.location.href);
const nameOf = (url) => decodeURIComponent(new URL(url).pathname.slice(scope.pathname.length));

async function keepAll() {
  const cache = await caches.open(CACHE);
  const offered = await (await fetch("slicestack.json", { cache: "no-cache" })).json();
  const models = offered.models.map(({ file }) => file);
  await cache.addAll(["./", "slicestack.json", ...FILES, ...models]);
  await self.skipWaiting();
}

async function dropOthers() {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith("slicestack-") && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** The page itself and its list of models may change, so that they come from the network where there is one. */
async function fresh(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept !== undefined) return kept;
    throw error;
  }
}

/** Other files have a hash in their names, so that what is kept is right. */
async function kept(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request);
  if (found !== undefined) return found;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

self.addEventListener("install", (event) => event.waitUntil(keepAll()));
self.addEventListener("activate", (event) => event.waitUntil(dropOthers()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(scope.href)) return;
  const name = nameOf(request.url);
  if (CHANGING.has(name)) event.respondWith(fresh(request));
  else if (FILES.includes(name) || name.startsWith("models/")) event.respondWith(kept(request));
});
