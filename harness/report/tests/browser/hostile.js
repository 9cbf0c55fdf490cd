// Forges a result, every text in it hostile as far as it can still be read, and opens the page that is made of it: the
// words are shown, and nothing runs, turns around or hides.
//   node hostile.js EKMCHECK REPORT_DIR
// Exit status: 0 all holds, 1 something does not, 77 skipped (no browser or no modules; the reason is printed).

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addressOf, check, end, open } from "./browser.js";

const [ekmcheck, folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node hostile.js EKMCHECK REPORT_DIR");
  process.exit(2);
}
const HOSTILE = "owned</script><script>alert(1)</script><img src=x onerror=alert(2)>\u001b]0;title\u0007\u009b31m" +
  "\u202e\u2066\u200b\u2028\u2029\u00ad\ufe0f\u{e0041} \"'`&<!--]]>{{7*7}}";
/** What does more than stand there; line breaks and tabs are layout. */
const STEERS = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u;

const inert = (words) => words.replace(new RegExp(`${STEERS.source}|[\n\t]`, "gu"), "\ufffd");

const work = mkdtempSync(join(tmpdir(), "ekmcheck-hostile-"));
const made = () => {
  try {
    execFileSync(ekmcheck, ["report", work, "--output", "html"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** Appends the words to all strings at places of that kind; numbers of a place in a list do not matter. */
function forge(value, kind, at = "") {
  if (typeof value === "string") return at === kind ? value + HOSTILE : value;
  if (Array.isArray(value)) return value.map((item) => forge(item, kind, `${at}/*`));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, forge(member, kind, `${at}/${name}`)]));
  }
  return value;
}

function kinds(value, at = "", found = new Set()) {
  if (typeof value === "string") found.add(at);
  else if (Array.isArray(value)) value.forEach((item) => kinds(item, `${at}/*`, found));
  else if (value && typeof value === "object") Object.entries(value).forEach(([name, member]) => kinds(member, `${at}/${name}`, found));
  return found;
}

// A few results with traces, and one of each verdict.
let report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8"));
let traces = readFileSync(join(folder, "transcripts.ndjson"), "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
const traced = new Set(traces.slice(0, 6).map((trace) => trace.case));
report.cases = report.cases.filter((c, n) => n < 4 || traced.has(c.id));
traces = traces.filter((trace) => traced.has(trace.case));

const write = () => {
  writeFileSync(join(work, "report.json"), JSON.stringify(report));
  writeFileSync(join(work, "transcripts.ndjson"), traces.map((trace) => `${JSON.stringify(trace)}\n`).join(""));
};
write();
check(made(), "the result can be read before it is forged");
let texts = 0;
for (const [of, all] of [["report", report], ["traces", traces]]) {
  for (const kind of kinds(all)) {
    const before = [report, traces];
    if (of === "report") report = forge(report, kind);
    else traces = forge(traces, kind);
    write();
    if (made()) texts += 1;
    else [report, traces] = before;
  }
}
write();
check(made() && texts >= 10, `${texts} kinds of texts are forged`);

const address = addressOf(join(work, "report.html"));
const cases = [...new Set(report.cases.map((c) => c.id))];
const views = ["#/summary", "#/cases", "#/ledger", "#/ambiguities",
  // As somebody's link has it, and as the page itself does.
  ...report.cases.flatMap((c) => [c.id, inert(c.id)].map((id) => `#/case/${encodeURIComponent(id)}/${c.transport}`)),
  `#/cases?q=${encodeURIComponent(HOSTILE)}`, `#/${encodeURIComponent(HOSTILE)}`];
for (const javaScriptEnabled of [true, false]) {
  const { page, context, noise } = await open(address, { javaScriptEnabled });
  const what = javaScriptEnabled ? "with scripts" : "without";
  let shown = "";
  for (const view of javaScriptEnabled ? views : views.slice(0, 1)) {
    await page.goto(address + view);
    shown += await page.locator("body").innerText();
    for (const field of await page.locator("input").all()) shown += await field.inputValue();
    const all = await page.content();
    check(!STEERS.test(all), `${what}: nothing steers in ${view.slice(0, 60)}`);
  }
  check(!STEERS.test(shown), `${what}: nothing of what is shown steers`);
  check(shown.includes("owned") && shown.includes("<img src=x"), `${what}: the words can be read`);
  check((await page.locator("img, iframe, object, embed").count()) === 0, `${what}: they are no markup`);
  check((await page.locator("script").count()) === 2, `${what}: no script but the page's own`);
  check(!STEERS.test(await page.title()) && (await page.title()).includes("ekmcheck"), `${what}: the title is the page's own`);
  const address_now = page.url().split("#")[0];
  check(address_now === address, `${what}: it stays where it is`);
  check(noise.length === 0, `${what}: no dialog, request, error or warning ${noise.join("; ")}`);
  await context.close();
}
check(cases.length > 1, `${cases.length} cases`);
rmSync(work, { recursive: true });
await end();
