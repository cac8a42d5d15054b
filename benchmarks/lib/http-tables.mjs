// What the rounds of a scenario came to, as tables. A figure is the median of the rounds, a share the median of their shares,
// because the machine is not the same in all of them.
import { median, number, spread } from '../../scripts/lib/table.mjs';
import { WORKLOADS } from './http-app.mjs';
import { CONFIGURATIONS } from './http-configurations.mjs';

const WORKLOAD_NAMES = Object.keys(WORKLOADS);
const TITLES = Object.values(WORKLOADS).map(({ title }) => title);
const MB = 1e6;

/** What the rounds gave for one figure. */
export const roundsOf = (results, name, workload, figure) => results.get(name).cells[workload][figure];

/** The processor time that a configuration adds to Express with an empty middleware, of each round. */
export function added(results, name, workload) {
  const base = results.get(name).base.cells[workload].cpu;
  return roundsOf(results, name, workload, 'cpu').map((cpu, round) => cpu - base[round]);
}

/** The median of the ratios of the rounds. */
export const medianRatio = (figures, base) => median(figures.map((figure, round) => figure / base[round]));

/** @param names All that the scenario has, those that it does not apply to included. */
export function tablesOf({ name, title }, names, results) {
  const shown = (perWorkload) =>
    names.map((key) => [
      CONFIGURATIONS[key].title,
      ...WORKLOAD_NAMES.flatMap((workload) => perWorkload(key, workload)),
    ]);
  const where = (isShown, perWorkload, empty = null) =>
    shown((key, workload) => (results.has(key) && isShown(key) ? perWorkload(key, workload) : empty));
  const all = () => true;
  const table = (id, what, head, rows, chart) => ({
    id: `http-${name}-${id}`,
    title: `${what}; ${title}`,
    head: ['', ...head],
    rows: rows.filter(([, ...cells]) => chart !== undefined || cells.some((cell) => cell !== null)),
    ...(chart === undefined ? null : { chart }),
  });
  const rounds = (figure) => (key, workload) => roundsOf(results, key, workload, figure);
  const sessions = [...results.keys()].filter((key) => CONFIGURATIONS[key].hasSessions !== false);

  return [
    table(
      'throughput',
      'Requests a second',
      TITLES,
      where(all, (key, workload) => Math.round(median(rounds('rate')(key, workload)))),
      chart('requests a second', [...results.keys()], rounds('rate')),
    ),
    table(
      'cpu',
      'Processor time of the app for a request, us, and what of it is added to Express with an empty middleware',
      WORKLOAD_NAMES.flatMap((workload) => [workload, `${workload} adds`]),
      where(
        all,
        (key, workload) => [rounds('cpu')(key, workload), added(results, key, workload)].map(rounded),
        [null, null],
      ),
      chart('us added to a request', sessions, (key, workload) => added(results, key, workload)),
    ),
    table(
      'shares',
      'Processor time added, as a share of what express-session adds',
      TITLES,
      where(
        (key) => CONFIGURATIONS[key].isMemory && results.has('express-session'),
        (key, workload) =>
          rounded([medianRatio(added(results, key, workload), added(results, 'express-session', workload))]),
      ),
    ),
    table(
      'latency',
      'Latency, ms',
      WORKLOAD_NAMES.flatMap((workload) => [`${workload} p50`, `${workload} p99`]),
      where(
        all,
        (key, workload) => [rounds('p50')(key, workload), rounds('p99')(key, workload)].map(rounded),
        [null, null],
      ),
    ),
    table(
      'memory',
      'Memory of the app in the end (rss), MB, and the sessions that it had made by then',
      ['rss', 'sessions'],
      names
        .filter((key) => results.has(key))
        .map((key) => [
          CONFIGURATIONS[key].title,
          Math.round(results.get(key).rss / MB),
          CONFIGURATIONS[key].hasSessions === false ? null : results.get(key).sessions,
        ]),
    ),
    table(
      'database',
      'Processor time of the database for a request, us',
      TITLES,
      where(
        (key) => typeof rounds('database')(key, WORKLOAD_NAMES[0])[0] === 'number',
        // Of all rounds together: it is known in hundredths of a second only.
        (key, workload) =>
          rounded([sum(rounds('database')(key, workload)) / sum(rounds('count')(key, workload))]),
      ),
    ),
    table(
      'spread',
      'Requests a second, least and most of the rounds',
      TITLES,
      where(all, (key, workload) => {
        const { low, high } = spread(rounds('rate')(key, workload), Math.round);
        return `${number(low)} - ${number(high)}`;
      }),
    ),
  ].filter(({ rows }) => rows.length > 0);
}

function chart(unit, keys, rounds) {
  const bars = keys.flatMap((key) =>
    WORKLOAD_NAMES.map((workload) => ({
      group: WORKLOADS[workload].title,
      label: CONFIGURATIONS[key].title,
      ...spread(rounds(key, workload), (figure) => figure),
    })),
  );
  return { unit, bars };
}

const rounded = (values) => Number(median(values).toFixed(2));
const sum = (values) => values.reduce((total, value) => total + value, 0);
