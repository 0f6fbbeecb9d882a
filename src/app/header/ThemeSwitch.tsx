/** Light, dark, or as the system says. */
import { ToggleGroup } from 'radix-ui';
import { Icon, type IconName } from '../shared/Icon.tsx';
import { useStore } from '../store/index.ts';
import type { Theme } from '../store/storage.ts';
import styles from './ThemeSwitch.module.css';

const themes: { theme: Theme; name: string; icon: IconName }[] = [
  { theme: 'light', name: 'Light', icon: 'sun' },
  { theme: 'system', name: 'As the system', icon: 'auto' },
  { theme: 'dark', name: 'Dark', icon: 'moon' },
];

export function ThemeSwitch() {
  const theme = useStore((state) => state.theme);
  const setTheme = useStore((state) => state.setTheme);
  return (
    <ToggleGroup.Root
      type="single"
      className={styles.group}
      value={theme}
      aria-label="Theme"
      onValueChange={(value) => {
        if (value !== '') setTheme(value as Theme);
      }}
    >
      {themes.map(({ theme: value, name, icon }) => (
        <ToggleGroup.Item key={value} value={value} className={styles.item} aria-label={name} title={name}>
          <Icon name={icon} size={15} />
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
