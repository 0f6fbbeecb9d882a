/** A menu that drops from a button: what can be done, each with a note on what it does. */
import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import menu from './Menu.module.css';

export interface Action {
  name: string;
  note: string;
  disabled?: boolean;
  onSelect: () => void;
}

interface ActionMenuProps {
  /** The button. */
  children: ReactNode;
  actions: readonly Action[];
  align?: 'start' | 'end';
}

export function ActionMenu({ children, actions, align = 'end' }: ActionMenuProps) {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>{children}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className={menu.menu} align={align} sideOffset={4} collisionPadding={10}>
          {actions.map(({ name, note, disabled = false, onSelect }) => (
            <DropdownMenu.Item
              key={name}
              className={menu.item}
              aria-label={name}
              disabled={disabled}
              onSelect={onSelect}
            >
              {name}
              <span className={menu.note}>{note}</span>
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
