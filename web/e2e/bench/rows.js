// The rows of a run: a closed list, so that one that is missing is an error.

export const at = (list, part) => {
  const sorted = [...list].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
};

export class Rows {
  #rows = {};
  #expected = [];

  expect(...names) {
    this.#expected.push(...names);
  }

  /** `aim` is what the design wants at most, in the same unit. */
  put(name, value, unit, aim = null) {
    const short = Number(Number(value).toFixed(value < 10 ? 2 : 0));
    this.#rows[name] = { value: short, unit, aim, ratio: aim === null ? null : Number((value / aim).toFixed(2)) };
  }

  /** Prints them; returns what is missing, is no number, or was not expected. */
  print(json) {
    if (json) console.log(JSON.stringify(this.#rows));
    else {
      for (const [name, { value, unit, aim, ratio }] of Object.entries(this.#rows)) {
        console.log(`${name.padEnd(62)} ${String(value).padStart(9)} ${unit.padEnd(6)}${aim === null ? '' : ` aim ${aim}, ratio ${ratio}`}`);
      }
    }
    const missing = this.#expected.filter(name => !(name in this.#rows));
    const odd = Object.keys(this.#rows).filter(name => !this.#expected.includes(name) || !Number.isFinite(this.#rows[name].value) || this.#rows[name].value < 0);
    return [...missing.map(name => `missing: ${name}`), ...odd.map(name => `odd: ${name}`)];
  }
}
