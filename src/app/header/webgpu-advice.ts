/** What to do where a browser gives the page no GPU, browser by browser (status of WebGPU: caniuse.com/webgpu, 2026). Pure. */

export function webgpuAdvice(userAgent: string): string {
  const linux = /Linux|X11/.test(userAgent) && !userAgent.includes('Android');
  if (/Edg\/|Chrome\/|Chromium\//.test(userAgent)) {
    const settings = userAgent.includes('Edg/') ? 'edge://' : 'chrome://';
    return linux
      ? `On Linux, turn on “Unsafe WebGPU Support” and “Vulkan” in ${settings}flags, and graphics acceleration under System in the settings; ${settings}gpu tells what is blocked.`
      : `Turn on graphics acceleration under System in the settings and bring the graphics driver up to date; ${settings}gpu tells what is blocked.`;
  }
  if (userAgent.includes('Firefox/')) {
    return linux || userAgent.includes('Android')
      ? 'Firefox has WebGPU on Windows and on Macs; here, set dom.webgpu.enabled in about:config, or use Chrome.'
      : 'Bring Firefox up to date (141 on Windows, 145 on Macs), or use Chrome or Edge.';
  }
  if (userAgent.includes('Safari/'))
    return 'Safari has WebGPU from version 26 on; before, turn it on under Develop, Feature Flags.';
  return 'A current Chrome, Edge, Firefox or Safari has WebGPU.';
}
