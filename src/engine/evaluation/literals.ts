/** Cells of tables that hold a list or a dictionary, as JSON or as Python writes them: `['a', "b's"]`, `{'str': 'Rome', 'id': None}`. */

/** What the cell holds: a list or a dictionary that is not empty, else its text. */
export function literalOf(cell: string): unknown {
  const text = cell.trim();
  if (!/^(\[.*\]|\{.*\})$/s.test(text)) return cell;
  try {
    return filled(JSON.parse(text) as object) ?? cell;
  } catch {
    const value = new PythonLiteral(text).read();
    return value === undefined ? cell : (filled(value as object) ?? cell);
  }
}

/** “{}” stands for a subject, and an empty list for nothing. */
function filled(value: object): object | null {
  return Array.isArray(value) || Object.keys(value).length > 0 ? value : null;
}

const TOKEN =
  /\s*(?:([[\]{}(),:])|[bru]?'((?:[^'\\]|\\.)*)'|[bru]?"((?:[^"\\]|\\.)*)"|(-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|(None|True|False|nan))/iy;

const CONSTANTS: Readonly<Record<string, unknown>> = { none: null, nan: null, true: true, false: false };
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

type Token = { readonly mark: string } | { readonly value: unknown };

/** Lists, tuples, dictionaries, strings, numbers and names of constants; nothing is evaluated. */
class PythonLiteral {
  readonly #tokens: Token[] | null;
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  /** Undefined when it is none. */
  read(): unknown {
    if (!this.#tokens) return undefined;
    try {
      const value = this.#value();
      return this.#at === this.#tokens.length ? value : undefined;
    } catch {
      return undefined;
    }
  }

  #value(): unknown {
    const token = this.#next();
    if ('value' in token) return token.value;
    if (token.mark === '{') return this.#dictionary();
    if (token.mark === '[') return this.#items(']');
    if (token.mark === '(') return this.#items(')');
    throw new SyntaxError(token.mark);
  }

  #items(close: string): unknown[] {
    const items: unknown[] = [];
    while (!this.#skips(close)) {
      items.push(this.#value());
      if (!this.#skips(',') && !this.#sees(close)) throw new SyntaxError('no comma');
    }
    return items;
  }

  #dictionary(): object {
    const entries: [string, unknown][] = [];
    while (!this.#skips('}')) {
      const key = this.#value();
      if (!this.#skips(':')) throw new SyntaxError('no colon');
      entries.push([String(key), this.#value()]);
      if (!this.#skips(',') && !this.#sees('}')) throw new SyntaxError('no comma');
    }
    return Object.fromEntries(entries);
  }

  #next(): Token {
    const token = this.#tokens?.[this.#at];
    if (!token) throw new SyntaxError('it ends');
    this.#at += 1;
    return token;
  }

  #sees(mark: string): boolean {
    const token = this.#tokens?.[this.#at];
    return token !== undefined && 'mark' in token && token.mark === mark;
  }

  #skips(mark: string): boolean {
    const found = this.#sees(mark);
    if (found) this.#at += 1;
    return found;
  }
}

function tokensOf(text: string): Token[] | null {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (!match) return null;
    const [, mark, single, double, number, name] = match as (string | undefined)[];
    if (mark !== undefined) tokens.push({ mark });
    else if (number !== undefined) tokens.push({ value: Number(number) });
    else if (name !== undefined) tokens.push({ value: CONSTANTS[name.toLowerCase()] });
    else tokens.push({ value: unescaped(single ?? double ?? '') });
  }
  return tokens;
}

function unescaped(text: string): string {
  return text.replaceAll(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|(.))/gs,
    (_, byte: string | undefined, unit: string | undefined, other: string) => {
      const code = byte ?? unit;
      if (code !== undefined) return String.fromCharCode(parseInt(code, 16));
      return other in ESCAPES ? ESCAPES[other] : other;
    },
  );
}
