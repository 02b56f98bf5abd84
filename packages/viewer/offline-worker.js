/* global self, caches, fetch, Request, FILES, VERSION */
/**
 * Keeps the page and its models in the browser. The build puts the names of the page's files in place of FILES and their
 * hash in place of VERSION. Scans are never kept: they are no files of the page.
 */
const scope = new URL("./", self.location.href);
/** Caches belong to the whole host, which may have several of these pages. A path has no blanks. */
const PREFIX = `slicestack ${scope.pathname} `;
const CACHE = `${PREFIX}${VERSION}`;
const PAGE = new Set(["", "index.html"]);
const LIST = "slicestack.json";
const nameOf = (url) => decodeURIComponent(new URL(url).pathname.slice(scope.pathname.length));

async function keepAll() {
  const cache = await caches.open(CACHE);
  const offered = await (await fetch(LIST, { cache: "reload" })).json();
  const models = offered.models.map(({ file }) => file);
  // The browser's own cache may have a page of an earlier version, whose files are gone.
  const changing = ["./", LIST].map((name) => new Request(name, { cache: "reload" }));
  await cache.addAll([...changing, ...FILES, ...models]);
  await self.skipWaiting();
}

async function dropOthers() {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/**
 * The page itself and its list of models may change, so that they come from the network where there is one. A changed
 * page is kept by the worker that comes with it, together with its files.
 */
async function fresh(request, name) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    // Without space for it, or if it is damaged, the list that is kept stays as it was.
    if (response.ok && name === LIST) await keepList(cache, response.clone()).catch(() => undefined);
    return response;
  } catch (error) {
    const kept = await cache.match(PAGE.has(name) ? "./" : LIST);
    if (kept !== undefined) return kept;
    throw error;
  }
}

/** Models that the list no longer names are not kept. */
async function keepList(cache, response) {
  const { models } = await response.clone().json();
  const named = new Set(models.map(({ file }) => file));
  const old = (await cache.keys()).filter(
    ({ url }) => nameOf(url).startsWith("models/") && !named.has(nameOf(url)),
  );
  await Promise.all([cache.put(LIST, response), ...old.map((request) => cache.delete(request))]);
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
  if (PAGE.has(name) || name === LIST) event.respondWith(fresh(request, name));
  else if (FILES.includes(name) || name.startsWith("models/")) event.respondWith(kept(request));
});
