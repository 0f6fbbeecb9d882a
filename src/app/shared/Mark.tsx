/** Pass or fail, as an icon and a word. */
import { Icon } from './Icon.tsx';
import styles from './Mark.module.css';

export function Mark({ pass, words }: { pass: boolean; words: [pass: string, fail: string] }) {
  return (
    <span className={pass ? styles.pass : styles.fail}>
      <Icon name={pass ? 'check' : 'cross'} size={13} />
      {pass ? words[0] : words[1]}
    </span>
  );
}
