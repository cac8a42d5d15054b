// Bars as SVG: ours in one colour and the others in grey.
import { install } from '../../scripts/lib/ecosystem.mjs';
import { number } from '../../scripts/lib/table.mjs';

const OURS = /^(ours|session-store-js)\b/;
const [OUR_COLOUR, COLOUR, INK] = ['#0b6e4f', '#b4b8bd', '#222222'];
const FONT = 'sans-serif';
const [BAR_WIDTH, BAR_STEP] = [330, 17];
/** Facets side by side, so that a chart of many bars is no ribbon. */
const COLUMNS = 2;

/** The SVG of a table's chart: `unit` and `bars` as publish.mjs describes them. */
export async function drawChart({ unit, bars }) {
  install('benchmarks');
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const { spec } = compile(chartOf(unit, bars));
  const svg = await new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG();
  return `${svg}\n`;
}

function chartOf(unit, bars) {
  const labels = [...new Set(bars.map(({ label }) => label))];
  const groups = [...new Set(bars.map(({ group }) => group))];
  const y = { field: 'label', type: 'nominal', sort: labels, title: null, axis: { labelLimit: 300 } };
  return {
    data: { values: bars.map(drawn) },
    background: 'white',
    padding: 10,
    facet: { field: 'group', type: 'nominal', sort: groups, title: null, header: { labelAnchor: 'start' } },
    columns: Math.min(COLUMNS, groups.length),
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: BAR_WIDTH,
      height: { step: BAR_STEP },
      encoding: { y },
      layer: [barLayer, spreadLayer, textLayer, roomLayer].map((layer) => layer(unit)),
    },
    config: {
      font: FONT,
      axis: {
        labelColor: INK,
        titleColor: INK,
        titleFontWeight: 'normal',
        labelFontSize: 11,
        titleFontSize: 11,
      },
      axisX: { gridColor: '#eeeeee', tickCount: 4 },
      header: { labelColor: INK, labelFontSize: 13, labelFontWeight: 'bold' },
      view: { stroke: null },
    },
  };
}

/** `end`: where its text begins; `room`: what the axis must reach, so that the text has its place. */
function drawn({ group, label, value, low = value, high = value }) {
  const end = Math.max(value, high, 0);
  return {
    group,
    label,
    value,
    low,
    high,
    end,
    text: number(value),
    room: end * 1.22,
    isOurs: OURS.test(label),
  };
}

const quantity = (field, unit) => ({ field, type: 'quantitative', title: unit });

const barLayer = (unit) => ({
  mark: { type: 'bar', height: BAR_STEP - 5 },
  encoding: {
    x: quantity('value', unit),
    color: { condition: { test: 'datum.isOurs', value: OUR_COLOUR }, value: COLOUR },
  },
});

const spreadLayer = (unit) => ({
  mark: { type: 'rule', color: INK, strokeWidth: 1.5 },
  encoding: { x: quantity('low', unit), x2: { field: 'high' } },
});

const textLayer = (unit) => ({
  mark: { type: 'text', align: 'left', dx: 5, fontSize: 11, color: INK },
  encoding: { x: quantity('end', unit), text: { field: 'text' } },
});

const roomLayer = (unit) => ({
  mark: { type: 'point', opacity: 0 },
  encoding: { x: quantity('room', unit) },
});
