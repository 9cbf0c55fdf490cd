// Opens a report.html from disk as a person would, and says what does not hold.
//   node check.js REPORT.html [--pictures DIR]
// Exit status: 0 all holds, 1 something does not, 77 skipped (no browser or no modules; the reason is printed).

import { readFileSync } from "node:fs";
import { addressOf, axe, check, end, open as openAt } from "./browser.js";

const [file, flag, pictures] = process.argv.slice(2);
if (!file || (flag && flag !== "--pictures")) {
  console.error("usage: node check.js REPORT.html [--pictures DIR]");
  process.exit(2);
}
const address = addressOf(file);
const open = (options, fragment) => openAt(address, options, fragment);

async function accessible(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  const bad = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
  for (const v of bad) console.log(`     ${v.id}: ${v.help}\n       ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.any.map((a) => a.message)}`).join("\n       ")}`);
  const mild = found.violations.filter((v) => !bad.includes(v)).map((v) => v.id);
  check(bad.length === 0, `axe finds nothing serious: ${what}${mild.length ? ` (lesser: ${mild.join(", ")})` : ""}`);
}

const picture = async (page, name, fullPage = false) =>
  pictures && page.screenshot({ path: `${pictures}/${name}.png`, fullPage });

// What the file itself says, to hold the page against.
const data = JSON.parse(/<script id="data" type="application\/json">(.*?)<\/script>/s.exec(readFileSync(file, "utf8"))[1]);
const results = data.cases.flatMap((c) => c.results.map(([transport, verdict]) => ({ transport, verdict })));

for (const colorScheme of ["light", "dark"]) {
  const { page, context, noise } = await open({ colorScheme });
  check(await page.locator("h1").isVisible(), `${colorScheme}: the verdict stands on top`);
  check(!(await page.locator("#cases").isVisible()), `${colorScheme}: one view at a time`);
  await accessible(page, `summary, ${colorScheme}`);
  await picture(page, `summary-${colorScheme}`);

  await page.getByRole("link", { name: "Cases", exact: true }).click();
  check(await page.locator("#cases-title").evaluate((e) => e === document.activeElement), `${colorScheme}: a new view has the focus`);
  const shown = () => page.locator("#shown").textContent();
  check((await shown()) === `${results.length} result${results.length === 1 ? "" : "s"} of ${data.cases.length} case${data.cases.length === 1 ? "" : "s"}`, `${colorScheme}: all are counted (${await shown()})`);
  const verdict = results[0].verdict;
  await page.getByLabel("Verdict").selectOption(verdict);
  const wanted = results.filter((r) => r.verdict === verdict).length;
  check((await shown()).startsWith(`${wanted} result`), `${colorScheme}: the filter counts what it shows (${await shown()})`);
  check(page.url().endsWith(`#/cases?verdict=${verdict}`), `${colorScheme}: the filter stands in the address`);
  check((await page.locator("#said").textContent()) === (await shown()), `${colorScheme}: the count is announced`);
  await page.getByLabel("Search").fill(data.cases[0].id);
  check(await page.locator("#list tbody tr").count() >= 1, `${colorScheme}: search finds an id`);
  await page.getByLabel("Search").fill("no such words anywhere");
  check((await shown()).startsWith("Nothing fits"), `${colorScheme}: an empty list says so`);
  await page.getByRole("button", { name: "Clear" }).click();
  await page.waitForFunction(() => location.hash === "#/cases");
  await accessible(page, `cases, ${colorScheme}`);
  await picture(page, `cases-${colorScheme}`);

  await page.locator("#list tbody a").first().focus();
  await page.keyboard.press("Enter");
  check(await page.locator("#case-title").isVisible(), `${colorScheme}: the keyboard opens a case`);
  await page.goBack();
  check(await page.locator("#list").isVisible(), `${colorScheme}: back leads back`);

  for (const view of ["ledger", "ambiguities"]) {
    await page.goto(`${address}#/${view}`);
    check(await page.locator(`#${view}-title`).isVisible(), `${colorScheme}: ${view}`);
    await accessible(page, `${view}, ${colorScheme}`);
    await picture(page, `${view}-${colorScheme}`);
  }
  check(noise.length === 0, `${colorScheme}: no request, no error, no warning ${noise.join("; ")}`);
  await context.close();

  const [traced] = Object.keys(data.traces);
  const transport = data.transports[results[0].transport];
  const link = traced ?? `${data.cases[0].id}/${transport}`;
  const second = await open({ colorScheme }, `#/case/${link}`);
  check((await second.page.locator("#case-title").textContent()) === link.split("/")[0], `${colorScheme}: a permalink opens its case`);
  check((await second.page.locator("[aria-current=true]").textContent()).includes(link.split("/").at(-1)), `${colorScheme}: on its transport`);
  if (traced) check(await second.page.locator(".trace .step").count() > 0, `${colorScheme}: with its trace`);
  await accessible(second.page, `case, ${colorScheme}`);
  await picture(second.page, `case-${colorScheme}`);
  check(second.noise.length === 0, `${colorScheme}: the case is silent ${second.noise.join("; ")}`);
  await second.context.close();
}

{
  const { page, context, noise } = await open({}, "#/case/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E/tls13-h1");
  check((await page.locator("#case-title").textContent()) === "No such case", "an address that names no case says so");
  check((await page.locator("img").count()) === 0, "words of an address stay words");
  await page.goto(`${address}#/cases?q=%E0%A4%A&verdict=nonsense`);
  check(noise.length === 0, `odd addresses do no harm ${noise.join("; ")}`);
  await context.close();
}
{
  const { page, context } = await open({ viewport: { width: 390, height: 844 } }, "#/cases");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(wide <= 0, `a narrow window scrolls only downwards (${wide})`);
  await picture(page, "cases-narrow");
  await context.close();
}
{
  const { page, context, noise } = await open({ javaScriptEnabled: false });
  for (const id of ["summary", "ledger", "ambiguities"]) check(await page.locator(`#${id}`).isVisible(), `without a script: ${id}`);
  check((await page.locator("h1").textContent()).length > 0, "without a script: the verdict");
  check(noise.every((n) => !n.startsWith("request")), "without a script: no request");
  await context.close();
}
await end();
