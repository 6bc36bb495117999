/** For programs that reach jose, which is made of ES modules alone: ts-jest turns it into CommonJS. */
const { testPathIgnorePatterns, ...settings } = require('./jest.config.js')

module.exports = {
  ...settings,
  testRegex: 'jose\\.spec\\.ts$',
  transform: {
    '^.+\\.(t|j)s$': ['ts-jest', { tsconfig: { allowJs: true, esModuleInterop: true, isolatedModules: true } }],
  },
  transformIgnorePatterns: ['/node_modules/(?!jose/)'],
}
