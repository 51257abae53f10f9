// Generated constants under one roof.
export * from './generated/layout';
export * from './generated/operations';
