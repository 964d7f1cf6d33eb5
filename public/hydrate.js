// Wakes the islands of a page: starts the compiled app, then calls each island in the order in which it stands in the page.
let app;

// The islands around the present element: each has a call for the moment when the content that was passed to it is reached.
const outer = [];

async function wake(element) {
    if (element.localName === "leptos-island") {
        outer.at(-1)?.();
        const island = app[element.dataset.component];
        // A page of another release may name an island that this script does not have. The page works without it.
        if (island) await island(element);
        else console.warn(`There is no island ${element.dataset.component}.`);
    }
    const isContent = element.localName === "leptos-children";
    if (isContent) outer.push(element.$$on_hydrate);
    for (const child of element.children) await wake(child);
    if (isContent) outer.pop();
}

const whenIdle = globalThis.requestIdleCallback ?? setTimeout;
whenIdle(async () => {
    const page = document.documentElement.dataset;
    try {
        app = await import("./keystead.js");
        await app.default({ module_or_path: new URL("./keystead.wasm", import.meta.url) });
    } catch (error) {
        // Some browsers and administrators block WebAssembly. The page then works as without script.
        page.asleep = "";
        console.info("The comforts of this page cannot start.", error);
        return;
    }
    app.hydrate();
    await wake(document.body);
    page.awake = "";
});
