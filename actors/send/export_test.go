package send

// What tests outside of the package read of the journal.
var DecodeEvent = decodeSendEvent
