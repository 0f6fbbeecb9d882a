/** The page's buttons: one look each for the main act, ordinary acts and quiet ones beside text. */
import type { ComponentProps } from 'react';
import styles from './Button.module.css';
import { Icon, type IconName } from './Icon.tsx';

interface ButtonProps extends ComponentProps<'button'> {
  variant?: 'primary' | 'plain' | 'quiet';
  icon?: IconName;
}

export function Button({ variant = 'plain', icon, className, children, ...rest }: ButtonProps) {
  const classes = [styles.button, styles[variant], children === undefined ? styles.square : '', className ?? ''];
  return (
    <button type="button" className={classes.filter(Boolean).join(' ')} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
