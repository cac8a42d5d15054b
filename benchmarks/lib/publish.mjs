// What a benchmark found, as text, as data and as a page: the targets first, then the tables and their charts.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { format, resolveConfig } from 'prettier';

import { number, ratio, table } from '../../scripts/lib/table.mjs';
import { drawChart } from './charts.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDERS = { full: join(ROOT, 'benchmarks/report'), quick: join(ROOT, 'reports/benchmarks') };
/** In this order on the page. */
const NAMES = ['http', 'stores', 'race'];
const WHICH_STORE = join(FOLDERS.full, 'which-store.md');
// Before the benchmark that imports this has begun.
const loadBefore = loadavg()[0];

/**
 * Prints a result, and writes `<name>.json` into the folder of reports; then composes that folder's README.md, with a chart
 * for each table that has one, from all results that are there. The folder is benchmarks/report, for a quick run
 * reports/benchmarks.
 * @param result `name`: 'http', 'stores' or 'race'. `intro`: how it was measured, in Markdown.
 *   `tables`: `[{ id, title, head: string[], rows: (string | number | null)[][], chart? }]`, where null is an empty cell;
 *   `chart`: `{ unit, bars: [{ group, label, value, low?, high? }] }`, a facet for each group, with lines from low to high.
 *   `targets`: `[{ what, figure, required?, aim?, note? }]`, where `required` and `aim` are `{ atMost }` or `{ atLeast }`, and a
 *   figure is null where the rounds differ too much to tell.
 * @returns What was missed or could not be told, by the `what` of the targets.
 */
export async function publish({ name, title, intro, tables, targets, isQuick }) {
  const judged = targets.map((target) => ({ ...target, verdict: verdictOf(target) }));
  const result = { name, title, intro, isQuick, machine: machine(), targets: judged, tables };
  print(result);
  const folder = isQuick ? FOLDERS.quick : FOLDERS.full;
  mkdirSync(folder, { recursive: true });
  await write(join(folder, `${name}.json`), JSON.stringify(result));
  await compose(folder);
  console.log(`\n${join(relative(process.cwd(), folder), 'README.md')}`);
  return judged.filter(({ verdict }) => FAILURES.includes(verdict)).map(({ what }) => what);
}

function machine() {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0].model,
    cores: cpus().length,
    memory: `${number(totalmem() / 2 ** 30)} GiB`,
    os: `${type()} ${release()}`,
    node: process.version,
    loadBefore,
  };
}

const isWithin = (figure, { atMost = Infinity, atLeast = -Infinity }) =>
  figure <= atMost && figure >= atLeast;

const FAILURES = ['MISSED', 'TOO NOISY'];

function verdictOf({ figure, required, aim }) {
  if (figure === null) return 'TOO NOISY';
  if (required !== undefined && !isWithin(figure, required)) return 'MISSED';
  if (aim !== undefined && isWithin(figure, aim)) return 'aim reached';
  return required === undefined ? 'aim not reached' : 'met';
}

function limitText(limit) {
  if (limit === undefined) return null;
  const { atMost, atLeast } = limit;
  return atMost === undefined ? `>= ${ratio(atLeast)}` : `<= ${ratio(atMost)}`;
}

const TARGET_HEAD = ['', 'figure', 'required', 'aim', 'verdict', 'note'];
const targetRow = ({ what, figure, required, aim, verdict, note }) => [
  what,
  figure === null ? null : ratio(figure),
  limitText(required),
  limitText(aim),
  verdict,
  note ?? null,
];

function print({ title, intro, tables, targets }) {
  const parts = [`\n${title}\n`, intro];
  for (const { title: heading, head, rows } of tables) parts.push(`\n${heading}\n`, table([head, ...rows]));
  if (targets.length > 0) parts.push('\ntargets\n', table([TARGET_HEAD, ...targets.map(targetRow)]));
  console.log(parts.join('\n'));
}

/** The page and the charts of all results in a folder. */
async function compose(folder) {
  const files = NAMES.map((name) => join(folder, `${name}.json`)).filter((file) => existsSync(file));
  const results = files.map((file) => JSON.parse(readFileSync(file, 'utf8')));
  for (const file of readdirSync(folder)) if (file.endsWith('.svg')) rmSync(join(folder, file));
  for (const { id, chart } of results.flatMap(({ tables }) => tables))
    if (chart !== undefined) writeFileSync(join(folder, `${id}.svg`), await drawChart(chart));
  await write(join(folder, 'README.md'), page(folder, results));
}

async function write(file, text) {
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
}

function page(folder, results) {
  const isQuick = results.some((result) => result.isQuick);
  return [
    '# Benchmarks',
    isQuick
      ? '**Of runs that were quick or in part: fewer sessions, requests and rounds, so that the figures are rough.**'
      : 'Ours beside the packages that do the same.',
    `Which store suits whom: [in words](${relative(folder, WHICH_STORE)}).`,
    markdownTable(['', 'command', 'date', 'machine', 'Node', 'load before'], results.map(machineRow)),
    '## Targets',
    ...results.filter(({ targets }) => targets.length > 0).flatMap(targetSection),
    ...results.flatMap(resultSection),
  ].join('\n\n');
}

function machineRow({
  name,
  title,
  isQuick,
  machine: { date, cpu, cores, memory, os, node, loadBefore: load },
}) {
  const command = `\`npm run bench:${name}\`${isQuick ? ', quick or in part' : ''}`;
  return [title, command, date.slice(0, 10), `${cores} x ${cpu}, ${memory}, ${os}`, node, load];
}

const targetSection = ({ title, targets }) => [
  `### ${title}: targets`,
  markdownTable(TARGET_HEAD, targets.map(targetRow)),
];

const resultSection = ({ title, intro, tables }) => [
  `## ${title}`,
  intro,
  ...tables.flatMap(({ id, title: heading, head, rows, chart }) => [
    `### ${heading}`,
    markdownTable(head, rows),
    ...(chart === undefined ? [] : [`![${heading}](${id}.svg)`]),
  ]),
];

/** Figures to the right. */
function markdownTable(head, rows) {
  const isFigures = head.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  const line = (cells) => `| ${cells.map(markdownCell).join(' | ')} |`;
  const rule = `| ${isFigures.map((isFigure) => (isFigure ? '---:' : '---')).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

function markdownCell(cell) {
  const text = typeof cell === 'number' ? number(cell) : (cell ?? '');
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<');
}
