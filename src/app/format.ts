/** How numbers, sizes, times and tokens are written everywhere on the page. */

const integer = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** "1,234". */
export function formatCount(value: number): string {
  return integer.format(value);
}

/** "1 edit", "3 edits". */
export function formatPlural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A label inside a sentence: “Learning rate” as “learning rate”, while “KL factor” and “λ” stay as they are. */
export function midSentence(label: string): string {
  return /^\p{Lu}\p{Ll}/u.test(label) ? label.charAt(0).toLowerCase() + label.slice(1) : label;
}

/** Three significant digits; exponents where plain digits would mislead: "0.123", "1.23e-7". */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text = size < 1e-3 || size >= 1e5 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
  return text.replace('-', '−').replace('e−', 'e-').replace('e+', 'e');
}

/** Between a number and its sign or unit, so that no line breaks there. */
const SPACE = '\u00a0';

/** A probability in [0, 1] as "42.3 %", "< 0.1 %", "100 %". */
export function formatProbability(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const percent = value * 100;
  if (percent > 0 && percent < 0.1) return `<${SPACE}0.1${SPACE}%`;
  if (percent > 99.9 && percent < 100) return `>${SPACE}99.9${SPACE}%`;
  return `${percent.toFixed(percent === 100 || percent === 0 ? 0 : 1)}${SPACE}%`;
}

/** A hundredfold with one digit, as the literature gives entropies of generated texts: "626.4". */
export function formatHundredths(value: number): string {
  return (100 * value).toFixed(1);
}

/** A difference of probabilities in percentage points: "+12.3 points". */
export function formatPoints(difference: number): string {
  if (!Number.isFinite(difference)) return '–';
  const points = (Math.abs(difference) * 100).toFixed(1);
  const sign = points === '0.0' ? '±' : difference > 0 ? '+' : '−';
  return `${sign}${points}${SPACE}points`;
}

/** Decimal units: "8.7 MB". */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? integer.format(value) : value.toPrecision(value >= 100 ? 3 : 2)} ${units[unit]}`;
}

/** "2.2 M", "124 M", "1.6 B". */
export function formatParameters(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toPrecision(2)} B`;
  if (count >= 1e8) return `${(count / 1e6).toFixed(0)} M`;
  if (count >= 1e6) return `${(count / 1e6).toPrecision(2)} M`;
  return formatCount(count);
}

/** "0.42 s", "12 s", "3 min 05 s". */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** Time left, rounded so that it does not flicker: "about 20 s left". */
export function formatTimeLeft(seconds: number): string {
  if (seconds < 1) return 'under a second left';
  const step = seconds < 10 ? 1 : seconds < 60 ? 5 : 10;
  return `about ${formatSeconds(Math.ceil(seconds / step) * step).replace('.0', '')} left`;
}

/** A token with its leading space and control characters made visible. */
export function formatToken(token: string): string {
  if (token === '') return '(nothing)';
  return token.replace(/^ /, '·').replaceAll('\n', '↵').replaceAll('\t', '⇥').replaceAll('\r', '␍');
}

/** "23 Nov, 14:05" in the reader's own locale. */
export function formatDate(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return date.toLocaleString(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
}
