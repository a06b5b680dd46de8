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
  preferences: string;
  /** From the preferences to the inbox. */
  back: string;
  prefsFailed: string;
  /** The row of the preferences that holds for all categories. */
  allMessages: string;
  /** The name of a channel, such as `email`. */
  channel: (name: string) => string;
  quietHours: string;
  from: string;
  to: string;
  mute: string;
  notMuted: string;
  muteFor: (hours: number) => string;
  /** `time` is in the reader's form. */
  mutedUntil: (time: string) => string;
}

const names = (channels: Record<string, string>) => (name: string) => channels[name] ?? name;

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
  preferences: "Preferences",
  back: "Back to the inbox",
  prefsFailed: "The preferences could not be loaded.",
  allMessages: "All messages",
  channel: names({ inapp: "Inbox", email: "Email", sms: "SMS", webpush: "Browser", apns: "iPhone", fcm: "Android", jpush: "JPush", wechat_mp: "WeChat" }),
  quietHours: "Quiet hours",
  from: "From",
  to: "To",
  mute: "Mute",
  notMuted: "Off",
  muteFor: (hours) => (hours === 1 ? "For an hour" : hours < 24 ? `For ${hours} hours` : hours === 24 ? "For a day" : `For ${hours / 24} days`),
  mutedUntil: (time) => `Until ${time}`,
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
  preferences: "通知设置",
  back: "返回消息",
  prefsFailed: "设置加载失败",
  allMessages: "全部消息",
  channel: names({ inapp: "站内", email: "邮件", sms: "短信", webpush: "浏览器", apns: "iPhone", fcm: "安卓", jpush: "极光", wechat_mp: "微信" }),
  quietHours: "免打扰时段",
  from: "开始",
  to: "结束",
  mute: "静音",
  notMuted: "关闭",
  muteFor: (hours) => (hours < 24 ? `${hours} 小时` : `${hours / 24} 天`),
  mutedUntil: (time) => `直到 ${time}`,
};

/** The words of a language (BCP 47): Chinese, or else English. */
export function textsOf(lang: string): BellTexts {
  return /^zh\b/i.test(lang) ? CHINESE : ENGLISH;
}
