/** xHCI 1.2 Table 6-90: TRB Completion Code definitions. */
export const CompletionCode = {
  Invalid: 0,
  Success: 1,
  DataBufferError: 2,
  BabbleDetectedError: 3,
  UsbTransactionError: 4,
  TrbError: 5,
  StallError: 6,
  ResourceError: 7,
  BandwidthError: 8,
  NoSlotsAvailableError: 9,
  InvalidStreamTypeError: 10,
  SlotNotEnabledError: 11,
  EndpointNotEnabledError: 12,
  ShortPacket: 13,
  RingUnderrun: 14,
  RingOverrun: 15,
  VfEventRingFullError: 16,
  ParameterError: 17,
  BandwidthOverrunError: 18,
  ContextStateError: 19,
  NoPingResponseError: 20,
  EventRingFullError: 21,
  IncompatibleDeviceError: 22,
  MissedServiceError: 23,
  CommandRingStopped: 24,
  CommandAborted: 25,
  Stopped: 26,
  StoppedLengthInvalid: 27,
  StoppedShortPacket: 28,
  MaxExitLatencyTooLargeError: 29,
  IsochBufferOverrun: 31,
  EventLostError: 32,
  UndefinedError: 33,
  InvalidStreamIdError: 34,
  SecondaryBandwidthError: 35,
  SplitTransactionError: 36,
} as const;

const names = new Map<number, string>(
  Object.entries(CompletionCode).map(([name, code]) => [code, name.replace(/([a-z])([A-Z])/g, '$1 $2')]),
);

/** The specification's words for a completion code (0-255): "Parameter Error". */
export function completionName(code: number): string {
  return names.get(code) ?? (code >= 192 ? `vendor code ${code}` : `reserved code ${code}`);
}
