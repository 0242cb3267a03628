// Compiles dockd/page/styles into dockd/page/static/page.css; with --check it only says whether what is committed is that (exit 1 if not).
// The first line names the SHA-256 of the sources, so that a stale style is noticed where there is no npm: tests/unit/dockd/page/test_styles.py.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as sass from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const sources = join(here, "../../dockd/page/styles");
const target = join(here, "../../dockd/page/static/page.css");

function sourcesHash() {
  const hash = createHash("sha256");
  for (const name of readdirSync(sources).filter((one) => one.endsWith(".scss")).sort()) {
    hash.update(`${name}\n`).update(readFileSync(join(sources, name)));
  }
  hash.update(readFileSync(join(here, "package-lock.json")));
  return hash.digest("hex");
}

const { css } = sass.compile(join(sources, "page.scss"), {
  style: "compressed",
  quietDeps: true,
  charset: false,
  loadPaths: [join(here, "node_modules")],
});
const made = `/* Made from dockd/page/styles by make styles: do not edit. Sources ${sourcesHash()}. Parts are GOV.UK Frontend 6.6.0, MIT, Crown Copyright (Government Digital Service). */\n${css}\n`;

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== made) {
    console.error("dockd/page/static/page.css is not what Sass makes of dockd/page/styles: run make styles, and commit it");
    process.exit(1);
  }
} else {
  writeFileSync(target, made);
  console.log(`dockd/page/static/page.css: ${made.length} bytes`);
}
