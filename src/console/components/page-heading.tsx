// The heading of a screen: it names the browser's tab, and takes the focus when one comes here from another screen.

import { useEffect, useRef } from 'react';
import { hasMoved } from '../shared/location.ts';

/** @param isBreakable for a long word without spaces, which may be cut anywhere. */
export function PageHeading({ title, isBreakable = false }: { readonly title: string; readonly isBreakable?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Regway`;
  }, [title]);
  // A page of its own would begin at its top; whoever hears the screen or uses the keyboard expects the same here (WCAG 2.4.3).
  useEffect(() => {
    if (hasMoved()) heading.current?.focus();
  }, []);
  return <h1 ref={heading} tabIndex={-1} {...(isBreakable && { className: 'break' })}>{title}</h1>;
}
