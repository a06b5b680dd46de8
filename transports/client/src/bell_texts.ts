/** The bell's words. English and Chinese are built in; `texts` replaces any of them. */
export interface BellTexts {
  inbox: string;
  readAll: string;
  archive: string;
  empty: string;
  loading: string;
  more: string;
  /** The inbox could not be loaded. */
  failed: string;
  retry: string;
  /** A change, such as "mark as read", could not be made. */
  notDone: string;
  offline: string;
  signedOut: string;
  /** Said before the title of an unread message. */
  isUnread: string;
  /** The name of a message that has neither title nor body nor category. */
  message: string;
  unread: (count: number) => string;
}

const ENGLISH: BellTexts = {
  inbox: "Inbox",
  readAll: "Mark all as read",
  archive: "Archive",
  empty: "You are all caught up.",
  loading: "Loading…",
  more: "Show more",
  failed: "The inbox could not be loaded.",
  retry: "Try again",
  notDone: "That did not work. Try again.",
  offline: "No connection. What you see may be old.",
  signedOut: "Sign in to see your messages.",
  isUnread: "Unread:",
  message: "Message",
  unread: (count) => (count === 1 ? "1 unread message" : `${count} unread messages`),
};

const CHINESE: BellTexts = {
  inbox: "消息",
  readAll: "全部标为已读",
  archive: "归档",
  empty: "没有新消息",
  loading: "加载中…",
  more: "显示更多",
  failed: "消息加载失败",
  retry: "重试",
  notDone: "操作失败，请重试",
  offline: "网络已断开，内容可能不是最新的",
  signedOut: "登录后可查看消息",
  isUnread: "未读：",
  message: "消息",
  unread: (count) => `${count} 条未读消息`,
};

/** The words of a language (BCP 47): Chinese, or else English. */
export function textsOf(lang: string): BellTexts {
  return /^zh\b/i.test(lang) ? CHINESE : ENGLISH;
}
