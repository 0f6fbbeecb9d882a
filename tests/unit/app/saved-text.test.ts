/** What the page writes into files for other programs: text stays text there, whatever it says. */
import fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import { escapeMarkup } from '../../../src/app/shared/markup.ts';
import { toCsv } from '../../../src/app/shared/table.ts';

const odd = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onload='x",
    '&lt;',
    '\u0000\ud800',
    ']]>',
  ),
  fc.string().map((text) => `=${text}`),
  fc.constantFrom('=1+1', '+A1', '-2+3', '@SUM(A1)', '\t=1', '\r=1', "'=1", '-1'),
);

/** As a parser of markup reads it back. */
function unescaped(text: string): string {
  const names: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (name) => names[name]);
}

describe('text in HTML and SVG', () => {
  it('opens and ends no element and no attribute, and is what it was', () => {
    fc.assert(
      fc.property(odd, (text) => {
        const escaped = escapeMarkup(text);
        expect(escaped).not.toMatch(/[<>"']/);

        const shown = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd');
        expect(unescaped(escaped)).toBe(shown);
      }),
    );
  });
});

describe('cells of CSV', () => {
  it('are read back as they were, and none is a formula', () => {
    fc.assert(
      fc.property(fc.array(odd, { minLength: 1, maxLength: 4 }), (texts) => {
        const columns = texts.map((_, i) => `c${i}`);
        const [, row] = Papa.parse<string[]>(toCsv({ columns, rows: [texts, texts] }), {
          delimiter: ',',
          newline: '\r\n',
        }).data;
        texts.forEach((text, i) => {
          expect(row[i]).not.toMatch(/^[=+\-@\t\r]/);
          expect([text, `'${text}`]).toContain(row[i]);
        });
      }),
    );
  });

  it('leave numbers as they are', () => {
    expect(toCsv({ columns: ['a'], rows: [[-1.5], ['-1.5'], [null], [true]] })).toBe(
      "a\r\n-1.5\r\n'-1.5\r\n\r\ntrue\r\n",
    );
  });
});
