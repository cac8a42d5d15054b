// The names of the DOM that playwright-core's types mention. The whole library of the DOM would give them too, and
// `document` and `window` to sources that run on a server.
interface Node {
  readonly nodeType: number;
}
interface HTMLElement extends Node {
  readonly innerText: string;
}
interface SVGElement extends Node {
  readonly viewportElement: SVGElement | null;
}
type HTMLElementTagNameMap = Record<string, HTMLElement>;
