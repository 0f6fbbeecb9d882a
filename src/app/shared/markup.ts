/** Text in HTML and SVG that is put together as text. Pure. */

/** Control characters and halves of pairs, which no XML may hold: token texts do. */

const NO_TEXT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

/** The text as the content of an element or of an attribute in quotation marks; what has no place there becomes U+FFFD. */
export function escapeMarkup(text: string): string {
  return text
    .replace(NO_TEXT, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
