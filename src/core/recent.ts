// A bounded memory of what was used last.
export class Recent<Value> {
  readonly #size: number;
  readonly #weigh: (value: Value) => number;
  #weight = 0;
  #young = new Map<string, Value>();
  /** The generation before: what is asked for again becomes young, the rest is forgotten with it. */
  #old = new Map<string, Value>();

  /**
   * @param size Of each of two generations, which end when they are that full.
   * @param weigh What a value takes of it. Default: 1.
   */
  constructor(size: number, weigh: (value: Value) => number = () => 1) {
    this.#size = size;
    this.#weigh = weigh;
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: Value): void {
    const before = this.#young.get(key);
    if (before !== undefined) this.#weight -= this.#weigh(before);
    if (this.#weight >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#weight = 0;
    }
    this.#young.set(key, value);
    this.#weight += this.#weigh(value);
  }
}
