"""What a GPU's compiler makes of matrix products, without the GPU: instructions of the innermost loop, registers, workgroup memory.

Mesa's RADV compiles for any AMD GPU when RADV_FORCE_FAMILY names one. Dawn turns the WGSL into SPIR-V (bench/kernels/spirv.ts), spirv-as assembles it, RADV
compiles it and says what came out. Run in the project's folder, with Mesa's Vulkan drivers and spirv-tools installed:

    pip install vulkan
    RADV_FORCE_FAMILY=navi31 VK_ICD_FILENAMES=/usr/share/vulkan/icd.d/radeon_icd.json python tools/kernel-peers/instructions.py

An NVIDIA or Intel GPU has other instructions, but pays for the same things: reads of workgroup memory, and arithmetic on
addresses, bounds and counters beside the multiplications.
"""

import json
import os
import re
import subprocess

import vulkan as vk
from vulkan._vulkan import ffi, lib

LEAST_PRODUCTS = 4
DUMP = ["npx", "tsx", "bench/kernels/spirv.ts"]
SPIRV_MARK = "/* Dumped SPIRV disassembly */"
ENTRY_POINT = "dawn_entry_point"
DESCRIPTORS = {"Uniform": vk.VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, "StorageBuffer": vk.VK_DESCRIPTOR_TYPE_STORAGE_BUFFER}
# What assemblers before SPIRV-Tools 2024 do not know, and what changes no instruction.
UNKNOWN = re.compile(r".*(MaximallyReconverges|SPV_KHR_maximal_reconvergence).*\n")
FMA = re.compile(r"^\s*v_(dual_)?(fmac|fma|pk_fma|mad)_")
NO_INSTRUCTION = re.compile(r"^\s*(s_delay_alu|s_nop|\()|^\s*$")


def dumped():
    """Names of the products and their SPIR-V, from whatever driver Dawn finds: the text does not depend on it."""
    chosen = ("VK_ICD_FILENAMES", "RADV_FORCE_FAMILY")
    environment = {key: value for key, value in os.environ.items() if key not in chosen}
    result = subprocess.run(DUMP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=True)
    names = json.loads(next(line for line in reversed(result.stdout.splitlines()) if line.startswith('["')))
    parts = result.stdout.split(SPIRV_MARK)[1:]
    modules = [part[: part.rindex("OpFunctionEnd") + len("OpFunctionEnd\n")] for part in parts]
    assert len(names) == len(modules), f"{len(names)} pipelines, {len(modules)} modules"
    for name, module in zip(names, modules):
        text = UNKNOWN.sub("", module)
        assembled = subprocess.run(
            ["spirv-as", "--target-env", "vulkan1.3", "-o", "-", "-"], input=text.encode(), capture_output=True, check=True
        )
        yield name, assembled.stdout, bindings_of(text)


def bindings_of(text):
    """{(group, binding): descriptor type} of a module."""
    numbers = {kind: dict(re.findall(rf"OpDecorate (\S+) {kind} (\d+)", text)) for kind in ("DescriptorSet", "Binding")}
    classes = dict(re.findall(r"(\S+) = OpVariable \S+ (Uniform|StorageBuffer)", text))
    return {
        (int(numbers["DescriptorSet"][name]), int(numbers["Binding"][name])): DESCRIPTORS[classes[name]]
        for name in classes
    }


def open_device():
    instance = vk.vkCreateInstance(
        vk.VkInstanceCreateInfo(pApplicationInfo=vk.VkApplicationInfo(apiVersion=vk.VK_MAKE_VERSION(1, 3, 0))), None
    )
    physical = vk.vkEnumeratePhysicalDevices(instance)[0]
    print(vk.vkGetPhysicalDeviceProperties(physical).deviceName)
    # As Dawn does: memory beyond a buffer is the driver's business, without which it adds checks of its own.
    executables = vk.VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR(pipelineExecutableInfo=True)
    robustness = vk.VkPhysicalDeviceRobustness2FeaturesEXT(pNext=executables, robustBufferAccess2=True)
    memory = vk.VkPhysicalDeviceVulkan12Features(
        pNext=robustness, vulkanMemoryModel=True, vulkanMemoryModelDeviceScope=True
    )
    features = vk.VkPhysicalDeviceFeatures2(pNext=memory, features=vk.VkPhysicalDeviceFeatures(robustBufferAccess=True))
    queue = vk.VkDeviceQueueCreateInfo(queueFamilyIndex=0, pQueuePriorities=[1.0])
    return vk.vkCreateDevice(
        physical,
        vk.VkDeviceCreateInfo(
            pNext=features,
            pQueueCreateInfos=[queue],
            ppEnabledExtensionNames=["VK_KHR_pipeline_executable_properties", "VK_EXT_robustness2"],
        ),
        None,
    )


def compiled(device, code, descriptors):
    """{statistic: number} and the assembly of a compute shader."""
    module = vk.vkCreateShaderModule(device, vk.VkShaderModuleCreateInfo(codeSize=len(code), pCode=code), None)
    groups = []
    for group in range(max(group for group, _ in descriptors) + 1):
        bindings = [
            vk.VkDescriptorSetLayoutBinding(
                binding=binding, descriptorType=kind, descriptorCount=1, stageFlags=vk.VK_SHADER_STAGE_COMPUTE_BIT
            )
            for (owner, binding), kind in descriptors.items()
            if owner == group
        ]
        groups.append(vk.vkCreateDescriptorSetLayout(device, vk.VkDescriptorSetLayoutCreateInfo(pBindings=bindings), None))
    layout = vk.vkCreatePipelineLayout(device, vk.VkPipelineLayoutCreateInfo(pSetLayouts=groups), None)
    stage = vk.VkPipelineShaderStageCreateInfo(stage=vk.VK_SHADER_STAGE_COMPUTE_BIT, module=module, pName=ENTRY_POINT)
    capture = (
        vk.VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR
        | vk.VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR
    )
    create = vk.VkComputePipelineCreateInfo(flags=capture, stage=stage, layout=layout, basePipelineIndex=-1)
    pipeline = vk.vkCreateComputePipelines(device, None, 1, [create], None)[0]
    return statistics(device, pipeline), assembly(device, pipeline)


def listed(device, pipeline, function, structure, structure_type):
    """Entries of one of Vulkan's functions that first count and then fill, and a function that fills them again."""
    call = ffi.cast(f"PFN_{function}", lib.vkGetDeviceProcAddr(device, function.encode()))
    executable = ffi.new("VkPipelineExecutableInfoKHR*")
    executable.sType = vk.VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR
    executable.pipeline = pipeline
    count = ffi.new("uint32_t*")
    call(device, executable, count, ffi.NULL)
    entries = ffi.new(f"{structure}[]", count[0])
    for entry in entries:
        entry.sType = structure_type
    call(device, executable, count, entries)
    return entries, lambda: call(device, executable, count, entries)


def statistics(device, pipeline):
    entries, _ = listed(
        device, pipeline, "vkGetPipelineExecutableStatisticsKHR", "VkPipelineExecutableStatisticKHR",
        vk.VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR,
    )
    return {ffi.string(entry.name).decode(): entry.value.u64 for entry in entries}


def assembly(device, pipeline):
    entries, fill = listed(
        device, pipeline, "vkGetPipelineExecutableInternalRepresentationsKHR",
        "VkPipelineExecutableInternalRepresentationKHR",
        vk.VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR,
    )
    texts = [ffi.new("char[]", entry.dataSize + 1) for entry in entries]
    for entry, text in zip(entries, texts):
        entry.pData = text
    fill()
    return {ffi.string(e.name).decode(): ffi.string(text).decode() for e, text in zip(entries, texts)}["Assembly"]


def innermost(text):
    """(instructions, multiplications, reads of workgroup memory) of the basic block with the most multiplications."""
    blocks = re.split(r"^BB\d+:$", text, flags=re.M)
    counts = []
    for block in blocks:
        lines = [line for line in block.splitlines() if not NO_INSTRUCTION.match(line)]
        counts.append((len(lines), sum(1 for line in lines if FMA.match(line)), sum("ds_load" in line or "ds_read" in line for line in lines)))
    return max(counts, key=lambda count: count[1])


def main():
    device = open_device()
    print("product                  registers  spilled  workgroup memory  instructions and reads a multiplication")
    for name, code, descriptors in dumped():
        numbers, text = compiled(device, code, descriptors)
        instructions, products, reads = innermost(text)
        # Whatever else a peer compiles: copies, transpositions.
        if products < LEAST_PRODUCTS:
            continue
        print(
            f"{name:24} {numbers['VGPRs']:9} {numbers['Spilled VGPRs']:8} {numbers['LDS size']:17}"
            f"  {instructions / products:12.2f} {reads / products:9.3f}"
        )


if __name__ == "__main__":
    main()
