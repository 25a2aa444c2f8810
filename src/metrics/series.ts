/** Series of one instrument. A label that somebody outside can choose must not fill the memory here and at Prometheus. */
const LIMIT = 1_000;

/** The series of one instrument by their label values, made once each. What comes after the first thousand is counted
 *  together, under `other`. */
export class Series<T> {
  readonly #labels: number;
  readonly #make: (values: readonly string[]) => T;
  readonly #series = new Map<string, T>();
  #other: T | undefined;

  constructor(labels: number, make: (values: readonly string[]) => T) {
    this.#labels = labels;
    this.#make = make;
  }

  of(values: readonly string[]): T {
    const key = values.length === 1 ? values[0]! : values.join('\0');
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (values.length !== this.#labels) {
      throw new TypeError(`${this.#labels} label values expected, not ${values.length}`);
    }
    if (this.#series.size >= LIMIT) {
      this.#other ??= this.#make(values.map(() => 'other'));
      return this.#other;
    }
    const made = this.#make(values);
    this.#series.set(key, made);
    return made;
  }

  delete(values: readonly string[]): void {
    this.#series.delete(values.length === 1 ? values[0]! : values.join('\0'));
  }
}
