export const bell = [];
