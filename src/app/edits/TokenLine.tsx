/** The prompt as the model reads it: token by token, the subject tinted, the look-up token marked, the target after it. */
import type { TokenView } from '../../worker/api.ts';
import { formatToken } from '../format.ts';
import { Icon } from '../shared/Icon.tsx';
import { Term } from '../shared/Tip.tsx';
import styles from './TokenLine.module.css';

export function TokenLine({ tokens, targetTokens }: { tokens: TokenView[]; targetTokens: string[] }) {
  const lookup = tokens.find((token) => token.role === 'lookup');
  return (
    <div>
      <ol className={styles.line} aria-label="Tokens of the prompt">
        {tokens.map((token, i) => (
          <li key={i} className={`${styles.token} ${styles[token.role]}`}>
            {formatToken(token.text)}
            {token.role === 'lookup' && <span className="visually-hidden"> (look-up token)</span>}
          </li>
        ))}
        {targetTokens.length > 0 && (
          <li className={styles.arrow}>
            <Icon name="arrow" size={13} />
            <span className="visually-hidden">new object:</span>
          </li>
        )}
        {targetTokens.map((text, i) => (
          <li key={`target-${i}`} className={`${styles.token} ${styles.target}`}>
            {formatToken(text)}
          </li>
        ))}
      </ol>
      {lookup && (
        <p className={styles.note}>
          <Term name="look-up token">Look-up token</Term>: <code>{formatToken(lookup.text)}</code>, the subject’s last
        </p>
      )}
    </div>
  );
}
