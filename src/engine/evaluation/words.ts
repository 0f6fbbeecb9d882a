/**
 * Texts as words, as the metrics of generated texts count them: NLTK's `word_tokenize` (Penn Treebank conventions within sentences)
 * for entropies, scikit-learn's default pattern for TF-IDF.
 */

/** The conventions of the Penn Treebank, in the order in which they apply to a sentence. */
const TREEBANK: readonly (readonly [RegExp, string])[] = [
  // Opening quotes; an apostrophe before a word is one, unless it begins a clitic.
  [/[«“‘„]|`+/gu, ' $& '],
  [/^"/u, ' `` '],
  [/([ ([{<])(?:"|'')/gu, '$1 `` '],
  [/(?<![\p{L}\p{N}_])'(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=[\p{L}\p{N}_])/giu, "' "],
  // Punctuation; a period is parted from its word at the end of the sentence only, before what closes there.
  [/([^.])\.([\])}>"'»”’ ]*)\s*$/u, '$1 . $2 '],
  [/([:,])(?=\P{Nd})/gu, ' $1 '],
  [/[:,]$/u, ' $& '],
  [/\.{2,}/gu, ' $& '],
  [/[;@#$%&?!*]/gu, ' $& '],
  [/([^'])' /gu, "$1 ' "],
  [/[\][(){}<>]/gu, ' $& '],
  [/--|[\u2012-\u2015]/gu, ' $& '],
  [/^|$/gu, ' '],
  // Closing quotes and clitics.
  [/[»”’]/gu, ' $& '],
  [/''|"/gu, " '' "],
  [/([^' ])('[sSmMdD]|') /gu, '$1 $2 '],
  [/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /gu, '$1 $2 '],
  // Words written as one.
  [
    /\b(can)(not)\b|\b(gim|lem)(me)\b|\b(gon)(na)\b|\b(got)(ta)\b|\b(d)('ye)\b|\b(more)('n)\b|\b(wan)(na)(?=\s)/giu,
    ' $1$3$5$7$9$11$13 $2$4$6$8$10$12$14 ',
  ],
  [/ ('t)(is|was)\b/giu, ' $1 $2 '],
];

/** Words that a period belongs to, without it: those that Punkt's English model knows (NLTK data, punkt_tab). */
const ABBREVIATIONS = new Set(
  (
    'adm ala ariz aug ave bros calif chg cie co col colo conn corp cos ct dec dr feb fla fri ft ga gen ill inc jan jr kan ky ' +
    'lt ltd maj messrs mg mich minn mr mrs ms nev nov oct ok okla ore pa prof rep reps sen sep sept sr st sw tenn tues va vs ' +
    'vt wash wed wis yr ' +
    'a.a a.c a.d a.g a.h a.m a.m.e a.s a.t b.f b.v c.i.t c.o.m.b c.v d.c d.h d.w e.f e.h e.l e.m f.g f.j g.d g.f g.k h.c h.f ' +
    'h.m i.m.s j.b j.c j.j j.k j.p j.r l.a l.f l.p m.b.a m.d.c m.j n.c n.d n.h n.j n.m n.v n.y p.a.m p.m ph.d r.a r.h r.i ' +
    'r.j r.k r.t s.a s.a.y s.c s.g s.p.a s.s t.j u.k u.n u.s u.s.a u.s.s.r w.c w.r w.va w.w'
  ).split(' '),
);

/** Words that begin a sentence rather than a name when they are capitalised. */
const STARTERS = new Set(
  (
    'a after all also although an and another any as at because before both but by despite during each even finally first for from ' +
    'further he her here his how however i if in indeed instead it its last later many meanwhile moreover most my next not now of on once ' +
    'one only other others our over perhaps she since so some still such that the their then there therefore these they this those though ' +
    'through thus to today two under until we what when where whether which while who why with within without yes yet you your'
  ).split(' '),
);

/** Of the next word no more is looked at. */
const LONGEST_WORD = 64;

/** Single letters among them. As initials they never end a sentence; other letters do where no name follows. */
const LETTERS = new Set('cdefghklmnprstvw');

/**
 * Sentences as Punkt finds them (Kiss and Strunk 2006, section 4), with short lists in place of its statistics: a period ends one unless its
 * word is an abbreviation, an initial, a number before a small letter, or dots, and then where the next word is capitalised and is no name.
 */
function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let start = 0;
  for (const { 0: end, 1: word, index } of text.matchAll(
    /([^\p{White_Space}[]*[.?!])["'»”’)\]}]*(?:\p{White_Space}+|(?=\[))/gu,
  )) {
    const rest = text.slice(index + end.length, index + end.length + LONGEST_WORD);
    const next = /^["'«“‘([{]*([\p{L}\p{N}]*)/u.exec(rest)?.[1] ?? '';
    const bare = word.replace(/^["'«“‘([{]+/u, '');
    const stem = bare.slice(0, -1).toLowerCase();
    const last = stem.split('-').at(-1) ?? '';
    const period = bare.endsWith('.');
    if (period && LETTERS.has(stem)) continue;
    const ordinal = /^-?[.,]?\d[\d,.-]*$/.test(stem) && /^\p{Ll}/u.test(rest);
    const open =
      period &&
      (/^\p{L}$/u.test(stem) || ordinal || bare.endsWith('..') || ABBREVIATIONS.has(stem) || ABBREVIATIONS.has(last));
    if (open && !(/^\p{Lu}/u.test(next) && STARTERS.has(next.toLowerCase()))) continue;
    sentences.push(text.slice(start, index + end.length));
    start = index + end.length;
  }
  return [...sentences, text.slice(start)];
}

/** A text to the end of its first sentence; all of it where none ends. */
export function firstSentence(text: string): string {
  return sentencesOf(text)[0].trimEnd();
}

/** Words and punctuation marks of a text. */
export function treebankWords(text: string): string[] {
  return sentencesOf(text).flatMap((sentence) => {
    const spaced = TREEBANK.reduce((words, [pattern, by]) => words.replace(pattern, by), sentence.trim());
    return spaced.split(/\p{White_Space}+/u).filter((word) => word !== '');
  });
}

/** Words of at least two letters or digits, in lower case. */
export function plainWords(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_]{2,}/gu) ?? [];
}
