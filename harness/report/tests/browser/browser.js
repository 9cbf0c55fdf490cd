// A browser to look at pages with, if there is one.
// Exit status of whoever asks for it in vain: 77, skipped (the reason is printed).

import { createRequire } from "node:module";
import { existsSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";

const require = createRequire(import.meta.url);

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

const browserAt = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
  .find((path) => path && existsSync(path));
if (!browserAt) skip("no chromium (apt-get install chromium, or name one in CHROMIUM)");
let chromium;
export let axe;
try {
  ({ chromium } = require("playwright-core"));
  axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
} catch {
  skip("no node modules (npm ci in harness/report/tests/browser)");
}

export const browser = await chromium.launch({ executablePath: browserAt, args: ["--no-sandbox"] });

const faults = [];

/** Says whether something holds, and remembers if not. */
export function check(holds, what) {
  if (!holds) faults.push(what);
  console.log(`${holds ? "ok  " : "NOT "} ${what}`);
}

/** Ends the browser and the process: 0 if all holds. */
export async function end() {
  await browser.close();
  console.log(faults.length ? `${faults.length} do not hold` : "all holds");
  process.exit(faults.length ? 1 : 0);
}

export const addressOf = (file) => pathToFileURL(resolve(file)).href;

/** A page that notes what it should not do. */
export async function open(address, options, fragment = "") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const noise = [];
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && noise.push(`console: ${m.text()}`));
  page.on("pageerror", (e) => noise.push(`error: ${e.message}`));
  page.on("dialog", (d) => { noise.push(`dialog: ${d.message()}`); d.dismiss(); });
  page.on("request", (r) => r.url().split("#")[0] !== address && noise.push(`request: ${r.url()}`));
  await page.goto(address + fragment);
  return { context, page, noise };
}
