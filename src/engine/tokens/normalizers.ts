/**
 * What a tokenizer does to a text before it splits it, by the forms of tokenizer.json (huggingface/tokenizers, src/normalizers). The
 * library's own versions use JavaScript's notions of letters and spaces, which are not Rust's.
 */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { compilePattern, patternSchema, STRIPPED_END, STRIPPED_START } from './patterns.ts';

export type Normalize = (text: string) => string;

const formSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Sequence'), normalizers: z.array(z.unknown()) }),
  z.object({ type: z.enum(['NFC', 'NFD', 'NFKC', 'NFKD']) }),
  z.object({ type: z.literal('Lowercase') }),
  z.object({ type: z.literal('StripAccents') }),
  z.object({ type: z.literal('Strip'), strip_left: z.boolean().default(true), strip_right: z.boolean().default(true) }),
  z.object({ type: z.literal('Prepend'), prepend: z.string() }),
  z.object({ type: z.literal('Replace'), pattern: patternSchema, content: z.string() }),
  z.object({
    type: z.literal('BertNormalizer'),
    clean_text: z.boolean().default(true),
    handle_chinese_chars: z.boolean().default(true),
    strip_accents: z.boolean().nullish(),
    lowercase: z.boolean().default(true),
  }),
]);

type Form = z.infer<typeof formSchema>;

/** @throws ModelError naming a form that is not read */
export function normalizerOf(json: unknown): Normalize {
  if (json === null || json === undefined) return (text) => text;
  const parsed = formSchema.safeParse(json);
  if (!parsed.success) {
    throw new ModelError(`tokenizer.json has the normalizer ${JSON.stringify(json)}, which is not read.`);
  }
  return ofForm(parsed.data);
}

function ofForm(form: Form): Normalize {
  switch (form.type) {
    case 'Sequence': {
      const steps = form.normalizers.map(normalizerOf);
      return (text) => steps.reduce((sofar, step) => step(sofar), text);
    }
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '');
    case 'Strip':
      return (text) => {
        const left = form.strip_left ? text.replace(STRIPPED_START, '') : text;
        return form.strip_right ? left.replace(STRIPPED_END, '') : left;
      };
    case 'Prepend':
      return (text) => (text === '' ? '' : form.prepend + text);
    case 'Replace': {
      const pattern = compilePattern(form.pattern);
      // A function: in a text "$" would have a meaning.
      return (text) => text.replace(pattern, () => form.content);
    }
    case 'BertNormalizer':
      return (text) => {
        let result = form.clean_text ? cleaned(text) : text;
        if (form.handle_chinese_chars) result = result.replace(IDEOGRAPH, ' $& ');
        if (form.strip_accents ?? form.lowercase) result = result.normalize('NFD').replace(/\p{Mn}/gu, '');
        return form.lowercase ? lowercase(result) : result;
      };
    default:
      return (text) => text.normalize(form.type);
  }
}

/** Character by character: a whole text's capital sigma at the end of a word would become ς. */
function lowercase(text: string): string {
  return Array.from(text, (character) => character.toLowerCase()).join('');
}

/** BERT's notion of ideographs (CJK Unified Ideographs, their extensions and compatibility forms). */
const IDEOGRAPH =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

/** Without what cannot be seen, and with plain spaces. */
function cleaned(text: string): string {
  return text.replace(/\0|\ufffd|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '').replace(/\p{White_Space}/gu, ' ');
}
